import { CallError } from '../../client/index.js';

/** The server of a watched job is gone: its message says what became of the job, and which command goes on with it. */
export class LostServer extends CallError {
  constructor(message: string, cause: unknown) {
    super(message, { code: 'UNAVAILABLE', cause });
    this.name = 'LostServer';
  }
}
