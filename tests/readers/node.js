// Says of each request what it read. `node node.js SOCKET`
'use strict';
const http = require('node:http');

const server = http.createServer({ maxHeaderSize: 1 << 18 }, (request, answer) => {
  let length = 0;
  request.on('data', (chunk) => { length += chunk.length; });
  request.on('end', () => answer.end(`${request.method} ${request.url} ${length}`));
});
server.maxRequestsPerSocket = 0;
server.maxHeadersCount = 0;
server.keepAliveTimeout = 60_000;
server.listen(process.argv[2]);
