/* Streams at a steady number: every connection asks, reads to the end, and asks again until time is up.
 *
 *   load PORT PATH CONNECTIONS SECONDS MODEL APART_US [KEY]
 *
 * The first asks are APART_US apart: 0 keeps all streams in step for ever, as callers of no gateway are.
 * Prints one JSON object: streams and events finished, errors, microseconds to the first event and from the
 * home's clock to ours per event (p50, p99).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX 4000000
#define BUFFER_BYTES 65536
#define FDS_MAX 16384
#define CONNECT_SECONDS 5

typedef struct {
  long long asked_ns;
  int first, active;
  size_t have;
  char buffer[BUFFER_BYTES];
} Stream;

static Stream *streams[FDS_MAX];
static float *first_us, *event_us;
static long firsts, events, finished, errors, bytes;
static char request[4096];
static size_t request_length;
static int port, stopping;

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void ask(int fd) {
  Stream *s = streams[fd];
  s->asked_ns = now_ns();
  s->first = s->active = 1;
  s->have = 0;
  if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) errors++;
}

static int open_one(int epoll_fd) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct timeval patience = {.tv_sec = CONNECT_SECONDS};
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // which Linux heeds in connect, too
  if (fd < 0 || fd >= FDS_MAX || connect(fd, (struct sockaddr *)&where, sizeof where)) {
    errors++;
    return -1;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!streams[fd]) streams[fd] = calloc(1, sizeof(Stream));
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static void taken(Stream *s, long long now) {
  char *at = s->buffer, *end = s->buffer + s->have, *mark;
  while ((mark = memmem(at, (size_t)(end - at), "@T", 2)) && mark + 21 <= end) {
    if (events < SAMPLES_MAX) event_us[events] = (float)(now - strtoll(mark + 2, NULL, 10)) / 1000;
    if (s->first) {
      s->first = 0;
      if (firsts < SAMPLES_MAX) first_us[firsts++] = (float)(now - s->asked_ns) / 1000;
    }
    events++;
    at = mark + 21;
  }
  size_t keep = (size_t)(end - at) > 64 ? 64 : (size_t)(end - at);
  memmove(s->buffer, end - keep, keep);
  s->have = keep;
}

static float at(float *sorted, long count, double share) { return count ? sorted[(long)((double)(count - 1) * share)] : 0; }

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  port = atoi(argv[1]);
  int connections = atoi(argv[3]);
  double seconds = atof(argv[4]);
  char body[2048], key[256] = "";
  long long apart_ns = atoll(argv[6]) * 1000;
  if (argc > 7) snprintf(key, sizeof key, "Authorization: Bearer %s\r\n", argv[7]);
  int length = snprintf(body, sizeof body,
                        "{\"model\":\"%s\",\"stream\":true,\"max_tokens\":200,\"messages\":[{\"role\":\"user\",\"content\":"
                        "\"Tell me what there is to know about this, in a few words and with care.\"}]}", argv[5]);
  request_length = (size_t)snprintf(request, sizeof request,
                                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n%s"
                                    "Content-Length: %d\r\n\r\n%s", argv[2], port, key, length, body);
  first_us = malloc(sizeof(float) * SAMPLES_MAX);
  event_us = malloc(sizeof(float) * SAMPLES_MAX);
  int epoll_fd = epoll_create1(0);
  long long start = now_ns(), until = start + (long long)(seconds * 1e9);
  struct epoll_event ready[512];
  int active = connections, begun = 0;
  while (active > 0) {
    while (begun < connections && now_ns() >= start + begun * apart_ns) {
      int fd = open_one(epoll_fd);
      if (fd < 0) {
        fprintf(stderr, "connection %d of %d was not taken within %d s", begun + 1, connections, CONNECT_SECONDS);
        return 3;
      }
      ask(fd);
      begun++;
    }
    int count = epoll_wait(epoll_fd, ready, 512, begun < connections ? 1 : 100);
    long long now = now_ns();
    if (now > until && !stopping) {
      stopping = 1;
      active -= connections - begun;
      begun = connections;
    }
    if (now > until + 3000000000LL) break;
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      Stream *s = streams[fd];
      ssize_t got = recv(fd, s->buffer + s->have, BUFFER_BYTES - s->have, MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) {
        errors++;
        active--;
        close(fd);
        if (!stopping && (fd = open_one(epoll_fd)) >= 0) {
          active++;
          ask(fd);
        }
        continue;
      }
      bytes += got;
      s->have += (size_t)got;
      int last = s->have >= 5 && memcmp(s->buffer + s->have - 5, "0\r\n\r\n", 5) == 0;
      taken(s, now);
      if (last) {
        finished++;
        if (s->first) errors++;
        if (stopping) {
          s->active = 0;
          active--;
          close(fd);
        } else
          ask(fd);
      }
    }
  }
  double took = (double)(now_ns() - start) / 1e9;
  long counted = events < SAMPLES_MAX ? events : SAMPLES_MAX;
  qsort(first_us, (size_t)firsts, sizeof(float), compare);
  qsort(event_us, (size_t)counted, sizeof(float), compare);
  printf("{\"streams\":%ld,\"events\":%ld,\"errors\":%ld,\"seconds\":%.3f,\"bytes\":%ld,\"first_us\":{\"p50\":%.0f,\"p99\":%.0f},"
         "\"event_us\":{\"p50\":%.0f,\"p99\":%.0f}}\n",
         finished, events, errors, took, bytes, (double)at(first_us, firsts, 0.5), (double)at(first_us, firsts, 0.99),
         (double)at(event_us, counted, 0.5), (double)at(event_us, counted, 0.99));
  return 0;
}
