import { createReadStream } from 'node:fs';

/* A thread that ends its process, whatever that is at, when the standard input ends: when the parent is gone, or its thread is. */

createReadStream('', { fd: 0 })
  .on('close', () => process.kill(process.pid, 'SIGKILL'))
  .resume();
