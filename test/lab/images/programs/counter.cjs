// An HTTP counter. GET / counts and answers {count, uptimeMs, pid, startedAt}; uptimeMs is performance.now().
// BALLAST_MB: so many megabytes of memory are filled at the start, to give a move something to carry.
const http = require('node:http');
const crypto = require('node:crypto');

const startedAt = new Date().toISOString();
const ballast = [];
for (let i = 0; i < Number(process.env.BALLAST_MB ?? 0); i++) ballast.push(crypto.randomBytes(1024 * 1024));
let count = 0;

const server = http.createServer((_request, response) => {
  count += 1;
  response.setHeader('content-type', 'application/json');
  const answer = { count, uptimeMs: performance.now(), pid: process.pid, startedAt, ballast: ballast.length };
  response.end(`${JSON.stringify(answer)}\n`);
});
server.listen(8080, () => process.stdout.write(`listening since ${startedAt}\n`));
// As the first process of a container it gets no default action for a signal.
process.on('SIGTERM', () => process.exit(143));
