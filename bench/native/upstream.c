/* A home as fast as can be: one thread, epoll, fixed answers. Far quicker than any gateway in front of it.
 *
 *   upstream PORT DIALECT CHUNKS INTERVAL_US
 *
 * A request whose body holds "stream":true gets CHUNKS server-sent events, INTERVAL_US apart (0: all at once);
 * each carries the monotonic clock as @T<nanoseconds>, which `load` subtracts from its own.
 * Anything else gets one JSON answer of about 600 bytes. DIALECT is openai or anthropic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 16384
#define BUFFER_BYTES 262144
#define EVENTS_MAX 512

typedef struct {
  int used, streaming, left;
  long long due_ns;
  size_t have;
  char *in;
} Connection;

static Connection connections[CONNECTIONS_MAX];
static int streaming_fds[CONNECTIONS_MAX], streaming_count;
static int epoll_fd, chunks = 50, anthropic;
static long long interval_ns;
static char plain_reply[4096];
static size_t plain_length;

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void send_all(int fd, const char *data, size_t length) {
  while (length) {
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) continue; /* the reader is on this machine and will be back */
      return;
    }
    data += sent;
    length -= (size_t)sent;
  }
}

static void make_plain(void) {
  char body[3000], text[256];
  memset(text, 'a', 200);
  text[200] = 0;
  if (anthropic)
    snprintf(body, sizeof body,
             "{\"id\":\"msg_01\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[{\"type\":\"text\","
             "\"text\":\"%s%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":60,"
             "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":80}}", text, text);
  else
    snprintf(body, sizeof body,
             "{\"id\":\"chatcmpl-01\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"bench\",\"choices\":[{"
             "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s%s\",\"refusal\":null},\"logprobs\":null,"
             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":80,\"total_tokens\":140}}",
             text, text);
  plain_length = (size_t)snprintf(plain_reply, sizeof plain_reply,
                                  "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                                  strlen(body), body);
}

static size_t chunk(char *out, const char *event) {
  return (size_t)sprintf(out, "%zx\r\n%s\r\n", strlen(event), event);
}

static size_t content_event(char *out) {
  char event[1024];
  if (anthropic)
    snprintf(event, sizeof event,
             "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
             "\"text_delta\",\"text\":\" @T%019lld some words of an answer as long as they are\"}}\n\n", now_ns());
  else
    snprintf(event, sizeof event,
             "data: {\"id\":\"chatcmpl-01\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"bench\","
             "\"system_fingerprint\":\"fp_44709d6fcb\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
             "\" @T%019lld some words\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n", now_ns());
  return chunk(out, event);
}

static size_t opening(char *out) {
  size_t n = (size_t)sprintf(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
  if (anthropic) {
    n += chunk(out + n, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\",\"type\":"
                        "\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\"stop_reason\":null,"
                        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":60,\"output_tokens\":1}}}\n\n");
    n += chunk(out + n, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
  } else
    n += chunk(out + n, "data: {\"id\":\"chatcmpl-01\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                        "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                        "\"finish_reason\":null}]}\n\n");
  return n;
}

static size_t closing(char *out) {
  size_t n = 0;
  if (anthropic) {
    n += chunk(out + n, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    n += chunk(out + n, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                        "\"stop_sequence\":null},\"usage\":{\"output_tokens\":50}}\n\n");
    n += chunk(out + n, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  } else {
    n += chunk(out + n, "data: {\"id\":\"chatcmpl-01\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                        "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    n += chunk(out + n, "data: {\"id\":\"chatcmpl-01\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,"
                        "\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":50,"
                        "\"total_tokens\":110}}\n\n");
    n += chunk(out + n, "data: [DONE]\n\n");
  }
  n += (size_t)sprintf(out + n, "0\r\n\r\n");
  return n;
}

static void drop(int fd) {
  close(fd);
  connections[fd].used = connections[fd].streaming = 0;
}

static void begin_stream(int fd) {
  static char out[65536];
  Connection *c = &connections[fd];
  if (interval_ns == 0) { /* a burst: everything in one write per event, as a fast home would */
    size_t n = opening(out);
    send_all(fd, out, n);
    for (int i = 0; i < chunks; i++) {
      n = content_event(out);
      send_all(fd, out, n);
    }
    n = closing(out);
    send_all(fd, out, n);
    return;
  }
  size_t n = opening(out);
  n += content_event(out + n);
  send_all(fd, out, n);
  c->streaming = 1;
  c->left = chunks - 1;
  c->due_ns = now_ns() + interval_ns;
  streaming_fds[streaming_count++] = fd;
}

static void tick(void) {
  static char out[65536];
  long long now = now_ns();
  for (int i = 0; i < streaming_count;) {
    int fd = streaming_fds[i];
    Connection *c = &connections[fd];
    if (!c->streaming) {
      streaming_fds[i] = streaming_fds[--streaming_count];
      continue;
    }
    if (now >= c->due_ns) {
      size_t n = 0;
      if (c->left > 0) {
        n = content_event(out);
        c->left--;
        c->due_ns += interval_ns;
      }
      if (c->left == 0) {
        n += closing(out + n);
        c->streaming = 0;
      }
      send_all(fd, out, n);
      continue;
    }
    i++;
  }
}

static void answer(int fd) {
  Connection *c = &connections[fd];
  for (;;) {
    char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (!end) return;
    size_t head = (size_t)(end - c->in) + 4, length = 0;
    *end = 0;
    char *said = strcasestr(c->in, "content-length:");
    if (said) length = strtoul(said + 15, NULL, 10);
    *end = '\r';
    if (c->have < head + length) return;
    int streams = memmem(c->in + head, length, "\"stream\":true", 13) != NULL ||
                  memmem(c->in + head, length, "\"stream\": true", 14) != NULL;
    memmove(c->in, c->in + head + length, c->have - head - length);
    c->have -= head + length;
    if (streams)
      begin_stream(fd);
    else
      send_all(fd, plain_reply, plain_length);
  }
}

int main(int argc, char **argv) {
  int port = argc > 1 ? atoi(argv[1]) : 9100, one = 1;
  anthropic = argc > 2 && strcmp(argv[2], "anthropic") == 0;
  if (argc > 3) chunks = atoi(argv[3]);
  if (argc > 4) interval_ns = atoll(argv[4]) * 1000;
  make_plain();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 4096)) {
    perror("upstream");
    return 1;
  }
  epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[EVENTS_MAX];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    int count = epoll_wait(epoll_fd, ready, EVENTS_MAX, streaming_count ? 1 : 1000);
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        int made;
        while ((made = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          if (made >= CONNECTIONS_MAX) {
            close(made);
            continue;
          }
          setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          Connection *c = &connections[made];
          if (!c->in) c->in = malloc(BUFFER_BYTES);
          c->used = 1;
          c->streaming = 0;
          c->have = 0;
          event.events = EPOLLIN;
          event.data.fd = made;
          epoll_ctl(epoll_fd, EPOLL_CTL_ADD, made, &event);
        }
        continue;
      }
      Connection *c = &connections[fd];
      ssize_t got = recv(fd, c->in + c->have, BUFFER_BYTES - c->have - 1, 0);
      if (got <= 0) {
        if (got < 0 && errno == EAGAIN) continue;
        drop(fd);
        continue;
      }
      c->have += (size_t)got;
      answer(fd);
    }
    if (streaming_count) tick();
  }
}
