// join SOCKET [FIRST-LINE]: joins stdin and stdout with a UNIX socket, in both directions at once. FIRST-LINE is sent
// before anything else. The end of stdin is passed on; the program ends with the socket, whatever stdin does (which is
// why it is not nc or socat). A program of its own because one of Node.js takes 60 ms to start and adds its event loop to
// every request and reply within the freeze.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int write_all(int to, const char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(to, data, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    data += written;
    length -= written;
  }
  return 0;
}

// Returns 0 at the end of `from`.
static int copy(int from, int to) {
  static char buffer[128 * 1024];
  for (;;) {
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return (int)got;
    if (write_all(to, buffer, got) < 0) return -1;
  }
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc < 2 || argc > 3 || strlen(argv[1]) >= sizeof address.sun_path) {
    fputs("usage: join SOCKET [FIRST-LINE]\n", stderr);
    return 2;
  }
  strcpy(address.sun_path, argv[1]);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    fprintf(stderr, "join: %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  if (argc == 3 && (write_all(fd, argv[2], strlen(argv[2])) < 0 || write_all(fd, "\n", 1) < 0)) return 1;
  pid_t parent = getpid(), child = fork();
  if (child < 0) return 1;
  if (!child) {
    // A child that came too late to be told of its parent's end has another parent already.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return 1;
    copy(STDIN_FILENO, fd);
    shutdown(fd, SHUT_WR);
    return 0;
  }
  // With the socket's end all is said.
  int failed = copy(fd, STDOUT_FILENO);
  kill(child, SIGKILL);
  return failed ? 1 : 0;
}
