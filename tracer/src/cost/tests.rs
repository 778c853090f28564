//! Figures worked out by hand from the providers' price pages, one line a call.

use super::rates::Tier;
use super::*;
use crate::ai::call::Usage;

/// input, output, cache read, cache write, of it for an hour, reasoning, audio in, audio out, image in.
type Tokens = [u64; 9];

struct Case {
    provider: &'static str,
    model: &'static str,
    tokens: Tokens,
    tier: &'static str,
    usd: f64,
}

const fn case(
    provider: &'static str,
    model: &'static str,
    tokens: Tokens,
    tier: &'static str,
    usd: f64,
) -> Case {
    Case { provider, model, tokens, tier, usd }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    // 1,000 x 2.5 + 500 x 10 = 2,500 + 5,000 = 7,500 millionths.
    case("openai", "gpt-4o-2024-08-06", [1000, 500, 0, 0, 0, 0, 0, 0, 0], "default", 0.0075),
    // 400 x 2.5 + 600 x 1.25 + 100 x 10 = 1,000 + 750 + 1,000.
    case("openai", "gpt-4o", [1000, 100, 600, 0, 0, 0, 0, 0, 0], "", 0.002_75),
    // The old one: 1,000 x 5 + 500 x 15.
    case("openai", "gpt-4o-2024-05-13", [1000, 500, 0, 0, 0, 0, 0, 0, 0], "", 0.0125),
    // (1,000 x 2.5 + 500 x 10) x 1.7
    case("openai", "gpt-4o", [1000, 500, 0, 0, 0, 0, 0, 0, 0], "priority", 0.012_75),
    // (1,000 x 2.5 + 500 x 10) / 2
    case("openai", "gpt-4o", [1000, 500, 0, 0, 0, 0, 0, 0, 0], "batch", 0.003_75),
    case("openai", "gpt-4o-mini-2024-07-18", [10_000, 2000, 0, 0, 0, 0, 0, 0, 0], "", 0.0027),
    // 0.25 and 1.00 a million: 10,000 x 0.25 + 2,000 x 1.
    case("openai", "gpt-4o-mini", [10_000, 2000, 0, 0, 0, 0, 0, 0, 0], "priority", 0.0045),
    case("openai", "gpt-4.1-2025-04-14", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.01),
    // 200 x 0.4 + 800 x 0.1 + 100 x 1.6
    case("openai", "gpt-4.1-mini", [1000, 100, 800, 0, 0, 0, 0, 0, 0], "", 0.000_32),
    case("openai", "gpt-4.1-nano-2025-04-14", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0005),
    // Reasoning is part of the output: 1,000 x 1.25 + 2,000 x 10.
    case("openai", "gpt-5-2025-08-07", [1000, 2000, 0, 0, 0, 1500, 0, 0, 0], "", 0.021_25),
    case("openai", "gpt-5", [1000, 2000, 0, 0, 0, 1500, 0, 0, 0], "flex", 0.010_625),
    case("openai", "gpt-5-mini", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "priority", 0.004_05),
    case("openai", "gpt-5-nano", [100_000, 1000, 50_000, 0, 0, 0, 0, 0, 0], "", 0.003_15),
    case("openai", "gpt-5.2-chat-latest", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.015_75),
    // Above 272,000 tokens: 300,000 x 5 + 1,000 x 22.5.
    case("openai", "gpt-5.4", [300_000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 1.5225),
    // Not above: 272,000 x 2.5 + 1,000 x 15.
    case("openai", "gpt-5.4", [272_000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.695),
    // 100 x 4 + 500 x 0.4 + 400 x 5 + 10 x 20
    case("openai", "gpt-5.6-sol", [1000, 10, 500, 400, 0, 0, 0, 0, 0], "", 0.0028),
    case("openai", "o3-2025-04-16", [1000, 1000, 0, 0, 0, 800, 0, 0, 0], "flex", 0.005),
    // 2.00 and 8.00 a million.
    case("openai", "o4-mini", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "priority", 0.01),
    case("openai", "o1", [1000, 100, 0, 0, 0, 0, 0, 0, 0], "", 0.021),
    // 600 x 2.5 + 400 x 40 + 100 x 10 + 200 x 80
    case("openai", "gpt-4o-audio-preview-2025-06-03", [1000, 300, 0, 0, 0, 0, 400, 200, 0], "", 0.0345),
    // 100 x 4 + 900 x 32 + 100 x 64
    case("openai", "gpt-realtime", [1000, 100, 0, 0, 0, 0, 900, 100, 0], "", 0.0356),
    // 50 x 5 + 200 x 10 + 1,000 x 40
    case("openai", "gpt-image-1", [250, 1000, 0, 0, 0, 0, 0, 0, 200], "", 0.042_25),
    case("openai", "text-embedding-3-small", [10_000, 0, 0, 0, 0, 0, 0, 0, 0], "", 0.0002),
    case("openai", "text-embedding-ada-002-v2", [10_000, 0, 0, 0, 0, 0, 0, 0, 0], "", 0.001),
    case("openai", "gpt-3.5-turbo-instruct:20230824-v2", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0035),
    case("openai", "ft:gpt-4o-mini-2024-07-18:acme::x", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0015),
    case("azure.ai.openai", "gpt-35-turbo", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.002),
    // 100 x 3 + 500 x 0.3 + 300 x 3.75 + 100 x 6 + 200 x 15
    case("anthropic", "claude-sonnet-4-5-20250929", [1000, 200, 500, 400, 100, 0, 0, 0, 0], "standard", 0.005_175),
    // Above 200,000: 250,000 x 6 + 1,000 x 22.5.
    case("anthropic", "claude-sonnet-4-20250514", [250_000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 1.5225),
    case("anthropic", "claude-opus-4-1-20250805", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.09),
    // (1,000 x 5 + 1,000 x 25) / 2
    case("anthropic", "claude-opus-4-5-20251101", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "batch", 0.015),
    case("anthropic", "claude-haiku-4-5", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.006),
    case("anthropic", "claude-3-5-haiku-latest", [1000, 1000, 0, 1000, 1000, 0, 0, 0, 0], "", 0.0056),
    case("anthropic", "claude-3-haiku-20240307", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0015),
    // A region's tenth: 1,000 x 3.3 + 1,000 x 16.5.
    case("aws.bedrock", "us.anthropic.claude-sonnet-4-6", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0198),
    case("aws.bedrock", "anthropic.claude-3-7-sonnet-20250219-v1:0", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.018),
    // 500 x 0.06 + 500 x 0.015 + 100 x 0.24
    case("aws.bedrock", "us.amazon.nova-lite-v1:0", [1000, 100, 500, 0, 0, 0, 0, 0, 0], "", 0.000_061_5),
    case("aws.bedrock", "amazon.nova-pro-v1:0", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "flex", 0.002),
    case("aws.bedrock", "meta.llama3-8b-instruct-v1:0", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0009),
    case("gcp.gemini", "gemini-2.5-flash", [1000, 1000, 0, 0, 0, 600, 0, 0, 0], "", 0.0028),
    // 700 x 0.3 + 300 x 1 + 100 x 2.5
    case("gcp.gemini", "gemini-2.5-flash", [1000, 100, 0, 0, 0, 0, 300, 0, 0], "", 0.000_76),
    // Above 200,000: 200,001 x 2.5 + 100,000 x 0.25 + 1,000 x 15.
    case("gcp.gemini", "gemini-2.5-pro", [300_001, 1000, 100_000, 0, 0, 0, 0, 0, 0], "", 0.540_002_5),
    // (1,000 x 2 + 1,000 x 12) x 1.8
    case("gcp.vertex_ai", "gemini-3.1-pro-preview", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "ON_DEMAND_PRIORITY", 0.0252),
    case("gcp.vertex_ai", "claude-sonnet-4-5@20250929", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.018),
    case("mistral_ai", "mistral-small-latest", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.000_75),
    case("cohere", "command-a-03-2025", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0125),
    // 200 x 0.3 + 800 x 0.006 + 100 x 1.2
    case("deepseek", "deepseek-v4-flash", [1000, 100, 800, 0, 0, 0, 0, 0, 0], "", 0.000_184_8),
    case("x_ai", "grok-4.3", [1000, 1000, 0, 0, 0, 500, 0, 0, 0], "", 0.003_75),
    case("groq", "openai/gpt-oss-120b", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "on_demand", 0.000_75),
    case("groq", "llama-3.3-70b-versatile", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.001_38),
    case("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.002_08),
    case("fireworks", "accounts/fireworks/models/llama-v3p3-70b-instruct", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.0018),
    case("perplexity", "sonar-pro", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.018),
    case("openrouter", "anthropic/claude-4.5-haiku-20251001", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.006),
    case("litellm", "gpt-4o-mini", [1000, 1000, 0, 0, 0, 0, 0, 0, 0], "", 0.000_75),
    case("voyage", "voyage-3.5-lite", [10_000, 0, 0, 0, 0, 0, 0, 0, 0], "", 0.0002),
    // A search, whatever its length.
    case("cohere", "rerank-v3.5", [0, 0, 0, 0, 0, 0, 0, 0, 0], "", 0.002),
];

fn usage(tokens: &Tokens) -> Usage {
    let some = |at: usize| Some(tokens[at]).filter(|n| *n > 0);
    Usage {
        input: some(0),
        output: some(1),
        cache_read: some(2),
        cache_write: some(3),
        cache_write_hour: some(4),
        reasoning: some(5),
        audio_input: some(6),
        audio_output: some(7),
        image_input: some(8),
        searches: None,
    }
}

#[test]
fn costs_are_what_the_price_pages_say() {
    let prices = Prices::built_in();
    for Case { provider, model, tokens, tier, usd } in CASES {
        let found = prices.find(provider, "", model);
        let rates = found.unwrap_or_else(|| panic!("no price for {provider}/{model}")).rates;
        let cost = rates.cost(&usage(tokens), Tier::parse(tier)).expect("a cost");
        assert!((cost - usd).abs() < 1e-12, "{provider}/{model} {tier}: {cost}, not {usd}");
    }
    let models: std::collections::HashSet<_> = CASES.iter().map(|case| case.model).collect();
    assert!(models.len() >= 40, "{}", models.len());
}

#[test]
fn the_table_is_whole() {
    let mut prices = Prices::built_in();
    let rows = prices.add(include_str!("prices.txt"), "").expect("every line makes sense");
    // As many as lines: no row twice.
    assert_eq!(rows, prices.len());
    assert!(rows >= 300, "{rows}");
    for (provider, name, rates) in prices.iter() {
        assert!(
            rates.input > 0.0 || rates.output > 0.0 || rates.request > 0.0,
            "{provider}/{name} costs nothing"
        );
        // A cache read is never dearer, a write never cheaper than plain input.
        assert!(rates.read.is_none_or(|read| read <= rates.input), "{provider}/{name}");
        let writes = [rates.write, rates.write_hour];
        assert!(writes.iter().flatten().all(|write| *write >= rates.input), "{provider}/{name}");
    }
}

#[test]
fn what_is_unknown_free_or_next_door_has_no_price() {
    let prices = Prices::built_in();
    for (provider, host, model) in [
        ("openai", "api.openai.com", "gpt-9"),
        ("ollama", "localhost", "llama3"),
        ("vllm", "10.0.0.3", "gpt-4o"),
        ("github_copilot", "api.githubcopilot.com", "gpt-4o"),
        ("openrouter", "openrouter.ai", "deepseek/deepseek-chat:free"),
        ("openai_compatible", "127.0.0.1", "gpt-4o"),
        ("openai_compatible", "gateway", "gpt-4o"),
        (
            "aws.bedrock",
            "",
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/otnfa2ysixqd",
        ),
    ] {
        assert_eq!(prices.find(provider, host, model), None, "{provider}/{model}");
    }
    assert!(prices.find("openai_compatible", "llm.example.com", "gpt-4o").is_some());
}

#[test]
fn a_file_goes_over_the_table() {
    let mut prices = Prices::built_in();
    assert_eq!(prices.add("as_of 2027-01-01\n[openai]\ngpt-4o 1 2\n", ""), Ok(1));
    let found = prices.find("openai", "", "gpt-4o-2024-11-20").expect("a row");
    assert_eq!((found.rates.input, found.rates.output, &*found.as_of), (1.0, 2.0, "2027-01-01"));
    assert_eq!(prices.add("[openai]\ngpt-4o 1\n", ""), Err(PriceError::Line(2, "no output rate")));
    assert!(prices.add("[openai]\ngpt-4o 1 2 colour=3\n", "").is_err());
    assert!(prices.add("gpt-4o 1 2\n", "").is_err());

    let json = r#"{"sample_spec":{"litellm_provider":"one of"},
        "bedrock/zz-west-1/x.model-v1:0":{"litellm_provider":"bedrock","input_cost_per_token":9e-6},
        "bedrock/x.model-v1:0":{"litellm_provider":"bedrock","input_cost_per_token":1e-6,
            "output_cost_per_token":4e-6,"cache_read_input_token_cost":1e-7,
            "input_cost_per_token_batches":5e-7,
            "input_cost_per_token_above_200k_tokens":2e-6,
            "output_cost_per_token_above_200k_tokens":6e-6}}"#;
    assert_eq!(prices.add(json, "2027-02-02"), Ok(2));
    let found = prices.find("aws.bedrock", "", "x.model-v1:0").expect("a row");
    assert_eq!(&*found.as_of, "2027-02-02");
    let usage = usage(&[1000, 100, 400, 0, 0, 0, 0, 0, 0]);
    // 600 x 1 + 400 x 0.1 + 100 x 4 = 1,040; half of it in a batch.
    let cost = |tier| found.rates.cost(&usage, tier).expect("a cost");
    assert!((cost(Tier::Standard) - 0.001_04).abs() < 1e-12);
    assert!((cost(Tier::Batch) - 0.000_52).abs() < 1e-12);
    assert_eq!(found.rates.over, Some(Over { tokens: 200_000, input: 2.0, output: 1.5 }));
    assert_eq!(prices.add("{", ""), Err(PriceError::Json));
}
