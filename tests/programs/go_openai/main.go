// Chat calls with the official SDK: -stream, -sim SCRIPT.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/openai/openai-go"
	"github.com/openai/openai-go/option"
)

func main() {
	stream := flag.Bool("stream", false, "ask for a stream")
	script := flag.String("sim", "", "what the simulator is to do")
	flag.Parse()
	client := openai.NewClient(option.WithAPIKey("sk-simulated"), option.WithMaxRetries(0),
		option.WithHeader("x-sim", *script))
	params := openai.ChatCompletionNewParams{
		Model:    openai.ChatModelGPT4oMini,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")},
	}
	var tokens int64
	if *stream {
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		answer := client.Chat.Completions.NewStreaming(context.Background(), params)
		for answer.Next() {
			tokens += answer.Current().Usage.TotalTokens
		}
		check(answer.Err())
	} else {
		answer, err := client.Chat.Completions.New(context.Background(), params)
		check(err)
		tokens = answer.Usage.TotalTokens
	}
	fmt.Println(tokens)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
