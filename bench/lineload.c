/* lineload: a closed-loop load generator for line protocols (SMTP, LMTP, IMAP, POP3, HTTP).
 *
 *   cc -O2 -Wall -o lineload lineload.c -lssl -lcrypto
 *   lineload --host 127.0.0.1 --port 25 --conns 10 --total 2000 --script FILE [options]
 *
 *   --per-conn K   transactions of a connection before it closes and a new one opens; 0: no limit
 *   --tls          TLS from the start; the step "starttls" begins it later
 *   --users FMT --nusers N --user0 K   user names like printf ("u%d@example.org"), K to K+N-1
 *   --password P
 *   --body FILE    what the step "body" sends
 *   --seconds S    stop after so many seconds; else after --total transactions
 *   --ramp R       open at most R connections a second; 0: no limit
 *   --sources N    connect from N addresses in turn, 127.0.0.2 and on; 0: from the usual one
 *   --hold S       keep the connections open S seconds at the end
 *
 * A script has the sections [open] [tx] [close], one step a line:
 *
 *   send TEXT      with the escapes \r \n \t \\ and {user} next user, {me} this connection's user,
 *                  {pass}, {plain} base64 of \0me\0pass, {n} 12-digit transaction number,
 *                  {size} bytes that "body" would send
 *   body           the body file, with {n} expanded in its first 1000 bytes
 *   wait smtp P    lines up to one whose fourth character is not '-', which must start with P
 *   wait tag P     lines up to one that starts with the first word of P, which must start with P
 *   wait line P    one line that must start with P
 *   wait dot P     a line that must start with P, then everything to the line "."
 *   wait http P    a status code that must start with P ("20"), then a body by its length or chunks
 *   starttls       begin TLS now
 *
 * It prints one JSON object: rate, percentiles of a transaction's latency (from before the
 * connection opens when --per-conn is 1), its own CPU, errors. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum kind { SEND, BODY, W_SMTP, W_TAG, W_LINE, W_DOT, W_HTTP, STARTTLS };
struct step {
  enum kind k;
  char *t;
  size_t n;
};
struct prog {
  struct step s[512];
  int n;
};
static struct prog sec[3]; /* open, tx, close */

struct conn {
  int fd, id, sec, pc, inwait, lines, tls, hs, want_w, begun;
  long done;
  double t0;
  SSL *ssl;
  int me;
  char *in;
  size_t il, ic, ip;
  char *out;
  size_t ol, oc, op;
  long skip;
  int chunked, hdr;
};

static char *host = "127.0.0.1", *users = "u%d", *pass = "secret", *script, *bodyf;
static int port, nconn = 1, use_tls, nusers = 1, user0;
static long total = 1, per;
static double secs, ramp, hold;
static int sources;
static char *body;
static size_t bodyn;
static long started, finished, errors, opened;
static int ucount, ep;
static SSL_CTX *ctx;
static double *lat;
static size_t latn, latc;
static double *clat;
static size_t clatn, clatc;
static long bytes_in, bytes_out;
static double t_start;
static struct sockaddr_storage addr;
static socklen_t addrl;
static int shown;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}
static void die(const char *w) {
  perror(w);
  exit(1);
}
static int cmpd(const void *a, const void *b) {
  double x = *(double *)a, y = *(double *)b;
  return (x > y) - (x < y);
}
static void push(double **a, size_t *n, size_t *c, double v) {
  if (*n == *c) {
    *c = *c ? *c * 2 : 4096;
    *a = realloc(*a, *c * sizeof **a);
  }
  (*a)[(*n)++] = v;
}
static int stopping(void) {
  return started >= total || (secs && now() - t_start > secs);
}

static void load_script(void) {
  FILE *f = fopen(script, "r");
  if (!f)
    die(script);
  char line[65536];
  struct prog *p = sec + 1;
  while (fgets(line, sizeof line, f)) {
    size_t n = strlen(line);
    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
      line[--n] = 0;
    if (!n || line[0] == '#')
      continue;
    if (!strcmp(line, "[open]")) {
      p = sec;
      continue;
    }
    if (!strcmp(line, "[tx]")) {
      p = sec + 1;
      continue;
    }
    if (!strcmp(line, "[close]")) {
      p = sec + 2;
      continue;
    }
    struct step s = {0};
    if (p->n >= 512) {
      fprintf(stderr, "too many steps\n");
      exit(2);
    }
    if (!strncmp(line, "send ", 5)) {
      s.k = SEND;
      s.t = malloc(n);
      char *o = s.t;
      for (char *c = line + 5; *c; c++)
        if (*c == '\\' && c[1]) {
          c++;
          *o++ = *c == 'r' ? '\r' : *c == 'n' ? '\n' : *c == 't' ? '\t' : *c;
        } else
          *o++ = *c;
      s.n = o - s.t;
      *o = 0;
    } else if (!strcmp(line, "body"))
      s.k = BODY;
    else if (!strcmp(line, "starttls"))
      s.k = STARTTLS;
    else if (!strncmp(line, "wait ", 5)) {
      char *m = line + 5, *q = strchr(m, ' ');
      if (q)
        *q++ = 0;
      else
        q = "";
      s.k = !strcmp(m, "smtp")   ? W_SMTP
            : !strcmp(m, "tag")  ? W_TAG
            : !strcmp(m, "dot")  ? W_DOT
            : !strcmp(m, "http") ? W_HTTP
                                 : W_LINE;
      s.t = strdup(q);
      s.n = strlen(q);
    } else {
      fprintf(stderr, "bad step: %s\n", line);
      exit(2);
    }
    p->s[p->n++] = s;
  }
  fclose(f);
}

static void put(struct conn *c, const char *d, size_t n) {
  if (c->op == c->ol)
    c->op = c->ol = 0;
  if (c->ol + n > c->oc) {
    size_t twice = c->oc * 2;
    c->oc = c->ol + n > twice ? c->ol + n : twice;
    c->out = realloc(c->out, c->oc);
  }
  memcpy(c->out + c->ol, d, n);
  c->ol += n;
}
static void uname_(char *b, size_t n, int u) {
  snprintf(b, n, users, user0 + u % nusers);
}
static void expand(struct conn *c, const char *t, size_t n) {
  char b[1024], u[512];
  for (size_t i = 0; i < n;) {
    const char *q = memchr(t + i, '{', n - i);
    if (!q) {
      put(c, t + i, n - i);
      return;
    }
    put(c, t + i, q - (t + i));
    i = q - t;
    size_t left = n - i;
    b[0] = 0;
    int used = 0;
    if (left >= 3 && !memcmp(q, "{n}", 3)) {
      snprintf(b, sizeof b, "%012ld",
               c->done * 10007L + c->id + (long)(t_start * 1000) % 100000000 * 1000);
      used = 3;
    } else if (left >= 6 && !memcmp(q, "{user}", 6)) {
      uname_(b, sizeof b, ucount++);
      used = 6;
    } else if (left >= 4 && !memcmp(q, "{me}", 4)) {
      uname_(b, sizeof b, c->me);
      used = 4;
    } else if (left >= 6 && !memcmp(q, "{pass}", 6)) {
      snprintf(b, sizeof b, "%s", pass);
      used = 6;
    } else if (left >= 6 && !memcmp(q, "{size}", 6)) {
      size_t h = bodyn;
      for (size_t j = 0; j + 3 <= bodyn && j < 1000; j++)
        if (!memcmp(body + j, "{n}", 3))
          h += 9;
      snprintf(b, sizeof b, "%zu", h);
      used = 6;
    } else if (left >= 7 && !memcmp(q, "{plain}", 7)) {
      char r[1100];
      uname_(u, sizeof u, c->me);
      int l = strlen(u), pl = strlen(pass);
      r[0] = 0;
      memcpy(r + 1, u, l);
      r[l + 1] = 0;
      memcpy(r + l + 2, pass, pl);
      EVP_EncodeBlock((unsigned char *)b, (unsigned char *)r, l + pl + 2);
      used = 7;
    }
    if (used) {
      put(c, b, strlen(b));
      i += used;
    } else {
      put(c, "{", 1);
      i++;
    }
  }
}
static void put_body(struct conn *c) {
  size_t h = bodyn < 1000 ? bodyn : 1000;
  expand(c, body, h);
  put(c, body + h, bodyn - h);
}

static void arm(struct conn *c, int w) {
  if (w == c->want_w)
    return;
  struct epoll_event e = {.events = EPOLLIN | (w ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
  c->want_w = w;
}
static int flush(struct conn *c) { /* 0 ok or pending, -1 dead */
  while (c->op < c->ol) {
    ssize_t r;
    if (c->ssl) {
      if (c->hs)
        return 0;
      r = SSL_write(c->ssl, c->out + c->op, c->ol - c->op);
      if (r <= 0) {
        int e = SSL_get_error(c->ssl, r);
        if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ) {
          arm(c, e == SSL_ERROR_WANT_WRITE);
          return 0;
        }
        return -1;
      }
    } else {
      r = send(c->fd, c->out + c->op, c->ol - c->op, MSG_NOSIGNAL);
      if (r < 0) {
        if (errno == EAGAIN) {
          arm(c, 1);
          return 0;
        }
        return -1;
      }
    }
    c->op += r;
    bytes_out += r;
  }
  arm(c, 0);
  return 0;
}
static int handshake(struct conn *c) {
  int r = SSL_connect(c->ssl);
  if (r == 1) {
    c->hs = 0;
    arm(c, 0);
    return 0;
  }
  int e = SSL_get_error(c->ssl, r);
  if (e == SSL_ERROR_WANT_READ) {
    arm(c, 0);
    return 0;
  }
  if (e == SSL_ERROR_WANT_WRITE) {
    arm(c, 1);
    return 0;
  }
  return -1;
}
static void begin_tls(struct conn *c) {
  c->ssl = SSL_new(ctx);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  c->hs = 1;
  c->tls = 1;
}

static int open_conn(struct conn *c) {
  c->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (sources) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + c->id % sources);
    bind(c->fd, (void *)&from, sizeof from);
  }
  if (connect(c->fd, (void *)&addr, addrl) && errno != EINPROGRESS) {
    close(c->fd);
    c->fd = -1;
    return -1;
  }
  c->sec = 0;
  c->pc = 0;
  c->inwait = c->lines = 0;
  c->il = c->ip = c->ol = c->op = 0;
  c->want_w = 0;
  c->ssl = 0;
  c->hs = 0;
  c->begun = 0;
  c->skip = 0;
  c->hdr = 0;
  c->chunked = 0;
  c->me = (int)opened++;
  c->done = c->done;
  c->t0 = now();
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  c->want_w = 1; /* EPOLLOUT: connected */
  if (use_tls) {
    begin_tls(c);
    if (handshake(c))
      return -1;
  }
  return 0;
}
static void close_conn(struct conn *c) {
  if (c->ssl) {
    SSL_free(c->ssl);
    c->ssl = 0;
  }
  if (c->fd >= 0) {
    close(c->fd);
    c->fd = -1;
  }
}
static int fail(struct conn *c, const char *want, const char *got, size_t n) {
  errors++;
  if (shown++ < 5)
    fprintf(stderr, "conn %d: wanted %s, got %.*s\n", c->id, want, (int)(n > 200 ? 200 : n), got);
  return -1;
}
/* 1 = wait satisfied, 0 = need more, -1 = error */
static int check(struct conn *c, struct step *s) {
  for (;;) {
    char *b = c->in + c->ip, *e;
    if (s->k == W_HTTP && c->hdr == 1) {
      if (!c->chunked) {
        size_t have = c->il - c->ip;
        long take = c->skip < (long)have ? c->skip : (long)have;
        c->ip += take;
        c->skip -= take;
        if (c->skip)
          return 0;
        c->hdr = 0;
        return 1;
      }
      for (;;) { /* chunked */
        if (c->skip) {
          size_t have = c->il - c->ip;
          long take = c->skip < (long)have ? c->skip : (long)have;
          c->ip += take;
          c->skip -= take;
          if (c->skip)
            return 0;
        }
        b = c->in + c->ip;
        e = memchr(b, '\n', c->il - c->ip);
        if (!e)
          return 0;
        long n = strtol(b, 0, 16);
        c->ip += e + 1 - b;
        if (n == 0) {
          if (c->il - c->ip < 2) {
            c->ip -= e + 1 - b;
            return 0;
          }
          c->ip += 2;
          c->hdr = 0;
          return 1;
        }
        c->skip = n + 2;
      }
    }
    e = memchr(b, '\n', c->il - c->ip);
    if (!e)
      return 0;
    size_t n = e + 1 - b;
    c->ip += n;
    switch (s->k) {
      case W_SMTP:
        if (n > 3 && b[3] == '-')
          continue;
        return n >= s->n && !memcmp(b, s->t, s->n) ? 1 : fail(c, s->t, b, n);
      case W_TAG: {
        char *sp = strchr(s->t, ' ');
        size_t tn = sp ? (size_t)(sp - s->t) + 1 : s->n;
        if (n < tn || memcmp(b, s->t, tn))
          continue;
        return n >= s->n && !memcmp(b, s->t, s->n) ? 1 : fail(c, s->t, b, n);
      }
      case W_LINE:
        return n >= s->n && !memcmp(b, s->t, s->n) ? 1 : fail(c, s->t, b, n);
      case W_DOT:
        if (!c->lines++) {
          if (n < s->n || memcmp(b, s->t, s->n))
            return fail(c, s->t, b, n);
          continue;
        }
        if (n <= 3 && b[0] == '.' && (b[1] == '\r' || b[1] == '\n'))
          return 1;
        continue;
      case W_HTTP:
        if (!c->lines++) {
          c->skip = 0;
          c->chunked = 0;
          if (n < s->n + 9 || memcmp(b + 9, s->t, s->n))
            return fail(c, s->t, b, n);
          continue;
        }
        if (!strncasecmp(b, "content-length:", 15))
          c->skip = atol(b + 15);
        if (!strncasecmp(b, "transfer-encoding:", 18))
          c->chunked = 1;
        if (b[0] == '\r' || b[0] == '\n') {
          c->hdr = 1;
          continue;
        }
        continue;
      default:
        return -1;
    }
  }
}
/* run steps until we must wait; -1 = close this connection */
static int advance(struct conn *c) {
  for (;;) {
    if (c->hs)
      return flush(c);
    if (c->pc >= sec[c->sec].n) { /* end of a section */
      if (c->sec == 2)
        return -1;
      if (c->sec == 1) {
        double t = now();
        push(&lat, &latn, &latc, t - c->t0);
        finished++;
        c->done++;
        c->t0 = t;
        if ((per && c->done % per == 0) || stopping()) {
          c->sec = 2;
          c->pc = 0;
          if (hold && stopping())
            return 2;
          continue;
        }
        started++;
      } else {
        push(&clat, &clatn, &clatc, now() - c->t0);
        if (per != 1)
          c->t0 = now();
        if (sec[1].n == 0) {
          finished++;
          return 2;
        }
        if (stopping()) {
          c->sec = 2;
          c->pc = 0;
          continue;
        }
        started++;
      }
      c->sec = 1;
      c->pc = 0;
      continue;
    }
    struct step *s = sec[c->sec].s + c->pc;
    if (s->k == SEND) {
      expand(c, s->t, s->n);
      c->pc++;
      continue;
    }
    if (s->k == BODY) {
      put_body(c);
      c->pc++;
      continue;
    }
    if (flush(c))
      return -1;
    if (s->k == STARTTLS) {
      begin_tls(c);
      c->pc++;
      if (handshake(c))
        return -1;
      continue;
    }
    if (!c->inwait) {
      c->inwait = 1;
      c->lines = 0;
    }
    int r = check(c, s);
    if (c->ip == c->il)
      c->ip = c->il = 0;
    if (r < 0)
      return -1;
    if (r == 0) {
      if (c->ip) {
        memmove(c->in, c->in + c->ip, c->il - c->ip);
        c->il -= c->ip;
        c->ip = 0;
      }
      return 0;
    }
    c->inwait = 0;
    c->pc++;
  }
}
static int readable(struct conn *c) {
  for (;;) {
    if (c->ic - c->il < 65536) {
      c->ic = c->ic ? c->ic * 2 : 131072;
      c->in = realloc(c->in, c->ic);
    }
    ssize_t r;
    if (c->ssl) {
      if (c->hs) {
        if (handshake(c))
          return -1;
        if (c->hs)
          return 0;
        c->begun = 1;
        int q = advance(c);
        if (q)
          return q;
        continue;
      }
      r = SSL_read(c->ssl, c->in + c->il, c->ic - c->il);
      if (r <= 0) {
        int e = SSL_get_error(c->ssl, r);
        if (e == SSL_ERROR_WANT_READ)
          return 0;
        if (e == SSL_ERROR_WANT_WRITE) {
          arm(c, 1);
          return 0;
        }
        return -1;
      }
    } else {
      r = recv(c->fd, c->in + c->il, c->ic - c->il, 0);
      if (r < 0)
        return errno == EAGAIN ? 0 : -1;
      if (r == 0)
        return -1;
    }
    c->il += r;
    bytes_in += r;
    int q = advance(c);
    if (q)
      return q;
    if (!c->ssl && r < 32768)
      return 0;
  }
}
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *a = argv[i];
    if (!strcmp(a, "--tls")) {
      use_tls = 1;
      continue;
    }
    if (i + 1 >= argc) {
      fprintf(stderr, "missing value for %s\n", a);
      return 2;
    }
    char *v = argv[++i];
    if (!strcmp(a, "--host"))
      host = v;
    else if (!strcmp(a, "--port"))
      port = atoi(v);
    else if (!strcmp(a, "--conns"))
      nconn = atoi(v);
    else if (!strcmp(a, "--total"))
      total = atol(v);
    else if (!strcmp(a, "--per-conn"))
      per = atol(v);
    else if (!strcmp(a, "--users"))
      users = v;
    else if (!strcmp(a, "--nusers"))
      nusers = atoi(v);
    else if (!strcmp(a, "--user0"))
      user0 = atoi(v);
    else if (!strcmp(a, "--password"))
      pass = v;
    else if (!strcmp(a, "--script"))
      script = v;
    else if (!strcmp(a, "--body"))
      bodyf = v;
    else if (!strcmp(a, "--seconds"))
      secs = atof(v);
    else if (!strcmp(a, "--ramp"))
      ramp = atof(v);
    else if (!strcmp(a, "--sources"))
      sources = atoi(v);
    else if (!strcmp(a, "--hold"))
      hold = atof(v);
    else {
      fprintf(stderr, "unknown option %s\n", a);
      return 2;
    }
  }
  if (!script || !port) {
    fprintf(stderr, "see the head of lineload.c\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  load_script();
  if (bodyf) {
    FILE *f = fopen(bodyf, "rb");
    if (!f)
      die(bodyf);
    fseek(f, 0, SEEK_END);
    bodyn = ftell(f);
    rewind(f);
    body = malloc(bodyn + 1);
    if (fread(body, 1, bodyn, f) != bodyn)
      die("read");
    fclose(f);
  }
  struct sockaddr_in *a4 = (void *)&addr;
  struct sockaddr_in6 *a6 = (void *)&addr;
  if (strchr(host, ':')) {
    a6->sin6_family = AF_INET6;
    a6->sin6_port = htons(port);
    inet_pton(AF_INET6, host, &a6->sin6_addr);
    addrl = sizeof *a6;
  } else {
    a4->sin_family = AF_INET;
    a4->sin_port = htons(port);
    if (inet_pton(AF_INET, host, &a4->sin_addr) != 1)
      die("host");
    addrl = sizeof *a4;
  }
  struct rlimit rl = {65536, 65536};
  setrlimit(RLIMIT_NOFILE, &rl);
  ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ep = epoll_create1(0);
  struct conn *cs = calloc(nconn, sizeof *cs);
  int live = 0, next = 0;
  t_start = now();
  for (int i = 0; i < nconn; i++) {
    cs[i].id = i;
    cs[i].fd = -1;
  }
  struct epoll_event ev[512];
  int held = 0, idle = 0;
  double t_end = 0, cpu_end = 0;
  struct rusage ru;
  while (1) {
    while (next < nconn && !stopping() && (!ramp || next <= (now() - t_start) * ramp)) {
      if (open_conn(cs + next))
        errors++;
      else
        live++;
      next++;
    }
    if (live == 0 && (next >= nconn || stopping()))
      break;
    if (live == held && (next >= nconn || stopping()))
      break;
    int n = epoll_wait(ep, ev, 512, ramp && next < nconn ? 1 : 5000);
    if (n == 0 && !(ramp && next < nconn)) {
      if (++idle >= 6) {
        fprintf(stderr, "nothing for 30 s: %d live\n", live);
        errors += live;
        break;
      }
    } else
      idle = 0;
    for (int i = 0; i < n; i++) {
      struct conn *c = ev[i].data.ptr;
      int r = 0;
      if (c->fd < 0)
        continue;
      if (ev[i].events & EPOLLOUT) {
        if (c->hs)
          r = handshake(c);
        else if (!c->begun) {
          c->begun = 1;
          arm(c, 0);
          r = advance(c);
        } else
          r = flush(c);
      }
      if (!r && ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        r = readable(c);
      if (r == 2) {
        held++;
        struct epoll_event e = {.events = 0, .data.ptr = c};
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
        continue;
      }
      if (r < 0) {
        if (c->sec != 2) {
          errors++;
          if (shown++ < 5)
            fprintf(stderr, "conn %d closed early in section %d step %d\n", c->id, c->sec, c->pc);
        }
        close_conn(c);
        if (!stopping() && errors < 1000) {
          if (open_conn(c)) {
            errors++;
            live--;
          }
        } else
          live--;
      }
    }
  }
  t_end = now();
  getrusage(RUSAGE_SELF, &ru);
  cpu_end =
      ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1e-6;
  double dt = t_end - t_start;
  if (latn)
    qsort(lat, latn, sizeof *lat, cmpd);
  if (clatn)
    qsort(clat, clatn, sizeof *clat, cmpd);
#define P(a, n, q) ((n) ? (a)[(size_t)(((n) - 1) * (q))] * 1e3 : 0.0)
  printf(
      "{\"n\":%ld,\"errors\":%ld,\"wall_s\":%.4f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p95_ms\":%.3f,"
      "\"p99_ms\":%.3f,\"max_ms\":%.3f,"
      "\"opens\":%zu,\"open_p50_ms\":%.3f,\"open_p99_ms\":%.3f,\"in_MB\":%.2f,\"out_MB\":%.2f,"
      "\"client_cpu_s\":%.4f}\n",
      finished, errors, dt, finished / dt, P(lat, latn, .5), P(lat, latn, .95), P(lat, latn, .99),
      P(lat, latn, 1), clatn, P(clat, clatn, .5), P(clat, clatn, .99), bytes_in / 1e6,
      bytes_out / 1e6, cpu_end);
  fflush(stdout);
  if (hold) {
    struct timespec ts = {(time_t)hold, 0};
    nanosleep(&ts, 0);
  }
  return errors ? 3 : 0;
}
