import { createReadStream } from 'node:fs';

/*
 * A thread that ends its process, whatever the process is doing, when standard input ends: the parent, or the parent's
 * thread, is gone.
 */

createReadStream('', { fd: 0 })
  .on('close', () => process.kill(process.pid, 'SIGKILL'))
  .resume();
