import { z } from 'zod';
import { defineRecovery } from '../define.js';

/** None: the pruned model stays as its compensation left it. */
export default defineRecovery({
  id: 'none',
  summary: 'Trains nothing.',
  options: z.strictObject({}),
  plan: () => undefined,
});
