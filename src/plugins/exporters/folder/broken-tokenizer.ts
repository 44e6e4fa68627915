import { TOKENIZER_FILE } from '../../../engine/files/file-names.js';
import { parseJsonObject } from '../../../engine/files/read-json.js';
import { createRefusal } from './create-refusal.js';

/** Refuses to copy a tokenizer.json that is no JSON, such as one whose download broke off: nothing would load it. */
export const refuseBrokenTokenizer = createRefusal(async ({ readSource }) => {
  const bytes = await readSource(TOKENIZER_FILE);
  if (bytes !== undefined) parseJsonObject(bytes, TOKENIZER_FILE);
}, 'download it again, or move it away for an output without a tokenizer');
