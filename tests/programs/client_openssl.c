#define _GNU_SOURCE
/* A small client of OpenSSL's: HOST PATH BODY SCRIPT CALLS [confined]
 * Makes CALLS requests on one connection, trusting SSL_CERT_FILE. With a sixth argument, a strict
 * seccomp filter is installed before the requests: whatever is not on its list kills. */
#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* Few system calls, everything else kills the process: what a careful program does. */
static void confine(void) {
    static const int allowed[] = {
        __NR_read, __NR_write, __NR_exit, __NR_exit_group, __NR_brk, __NR_mmap, __NR_munmap,
        __NR_futex, __NR_getpid, __NR_gettid, __NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_close,
        __NR_getrandom, __NR_madvise, __NR_mprotect, __NR_fstat, __NR_newfstatat, __NR_shutdown,
        __NR_rt_sigaction, __NR_clock_gettime,
    };
    enum { COUNT = sizeof allowed / sizeof allowed[0] };
    struct sock_filter code[COUNT + 3];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], COUNT - i, 0);
    code[1 + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[2 + COUNT] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { COUNT + 3, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        fail("seccomp");
}

/* Reads one answer; returns its status. */
static int answer(SSL *ssl) {
    static char text[1 << 20];
    size_t have = 0;
    long wanted = -1;
    for (;;) {
        int got = SSL_read(ssl, text + have, (int)(sizeof text - have - 1));
        if (got <= 0) fail("read");
        have += (size_t)got;
        text[have] = 0;
        char *end = strstr(text, "\r\n\r\n");
        if (!end) continue;
        char *length = strcasestr(text, "content-length:");
        if (length && length < end) {
            wanted = (end + 4 - text) + atol(length + 15);
            if ((long)have >= wanted) break;
        } else if (have > 5 && !strcmp(text + have - 5, "0\r\n\r\n")) {
            break;
        }
    }
    return atoi(text + 9);
}

int main(int argc, char **argv) {
    if (argc < 6) fail("HOST PATH BODY SCRIPT CALLS");
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(443) };
    /* The tests' names lead to loopback; a static program has no resolver worth the name. */
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_default_verify_paths(context) != 1) fail("context");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_new(context);
    SSL_set_tlsext_host_name(ssl, argv[1]);
    SSL_set1_host(ssl, argv[1]);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) fail("handshake");
    if (argc > 6) confine();
    static char request[1 << 16];
    int size = snprintf(request, sizeof request,
        "POST %s HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\nx-sim: %s\r\n"
        "content-length: %zu\r\n\r\n%s", argv[2], argv[1], argv[4], strlen(argv[3]), argv[3]);
    for (int i = 0; i < atoi(argv[5]); i++) {
        if (SSL_write(ssl, request, size) != size) fail("write");
        if (answer(ssl) != 200) fail("status");
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return 0;
}
