/*
 * The whole content of an image: a static HTTP server in one process that never writes a file. Any request is counted
 * and answered with {"count","uptimeMs","pid"}; uptimeMs is read from the monotonic clock. Listens on port 8080.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void end(int signal)
{
	_exit(128 + signal);
}

int main(void)
{
	const double started = now();
	const int one = 1;
	const struct timeval patience = { .tv_sec = 5 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(8080) };
	long count = 0;

	/* As the first process of a container it gets no default action for a signal. */
	signal(SIGTERM, end);
	signal(SIGINT, end);
	signal(SIGPIPE, SIG_IGN);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 64) != 0) {
		perror("listen");
		return 1;
	}
	for (;;) {
		char request[4096], body[160], answer[400];
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			continue;
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (read(client, request, sizeof(request)) > 0) {
			int length = snprintf(body, sizeof(body), "{\"count\":%ld,\"uptimeMs\":%.3f,\"pid\":%d}\n", ++count,
					      now() - started, (int)getpid());
			int total = snprintf(answer, sizeof(answer),
					     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
					     "Content-Length: %d\r\n\r\n%s",
					     length, body);
			if (write(client, answer, (size_t)total) < 0)
				perror("write");
		}
		close(client);
	}
}
