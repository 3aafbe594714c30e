// packet-rules PID: applies a transaction of nft(8), read from stdin to its end, in the network namespace of PID.
//
// Says "done" on stdout as soon as the rules are in force. nft itself can only be waited for to its end, and the kernel
// lets the socket of a transaction close after a grace period of RCU only (nft_rcv_nl_event, net/netfilter/
// nf_tables_api.c): 10 ms and more, three times within a freeze, in which nothing is left to be done.
//
// Exit status: 0; 1 when the transaction was refused, told on stderr; 120 when the namespace could not be entered.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_BYTES 65536
#define CANNOT_ENTER 120

static int fail(int status, const char *what) {
  fprintf(stderr, "packet-rules: %s: %s\n", what, strerror(errno));
  return status;
}

int main(int argc, char **argv) {
  static char text[MOST_BYTES];
  char path[PATH_MAX];
  size_t length = 0;
  ssize_t count;

  if (argc != 2) return fail(2, "usage: packet-rules PID");
  snprintf(path, sizeof path, "/proc/%s/ns/net", argv[1]);
  int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) < 0) return fail(CANNOT_ENTER, path);
  close(space);
  struct nft_ctx *rules = nft_ctx_new(NFT_CTX_DEFAULT);
  if (!rules) return fail(1, "no context of nftables");

  while ((count = read(STDIN_FILENO, text + length, MOST_BYTES - 1 - length)) != 0) {
    if (count < 0 && errno != EINTR) return fail(1, "stdin");
    if (count > 0) length += count;
    if (length == MOST_BYTES - 1) return fail(1, "more rules than fit");
  }
  if (length == 0) return 0;
  if (nft_run_cmd_from_buffer(rules, text) != 0) return 1;
  if (write(STDOUT_FILENO, "done\n", 5) != 5) return fail(1, "stdout");
  return 0;
}
