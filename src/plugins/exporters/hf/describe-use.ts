import type { CardFacts } from '../folder/model-card.js';
import type { WrittenForm } from './choose-form.js';
import { MODELLING_FILE } from './modelling-file.js';

/** What a card says of a folder for transformers, and the lines of Python that load it. */
export function describeUse(
  form: WrittenForm['kind'],
  hasTokenizer: boolean,
): Pick<CardFacts, 'library' | 'tags' | 'use'> {
  const isOwn = form !== 'stock';
  const trust = isOwn ? ', trust_remote_code=True' : '';
  const code = [
    `from transformers import AutoModelForCausalLM${hasTokenizer ? ', AutoTokenizer' : ''}`,
    '',
    'folder = "."  # this folder, or its name on the Hub',
    `model = AutoModelForCausalLM.from_pretrained(folder${trust})`,
    ...(hasTokenizer ? [`tokenizer = AutoTokenizer.from_pretrained(folder${trust})`] : []),
  ].join('\n');
  const why = isOwn
    ? `\n\nIt is in a form whose layers may differ from one another, or lack a half. \`trust_remote_code\` runs \`${MODELLING_FILE}\` of this folder; \`prunecast.json\` has the digest of that file.`
    : '';
  const serve =
    form === 'decilm'
      ? '\n\nvLLM has code of its own for it: `vllm serve FOLDER --trust-remote-code` takes only the configuration from that file.'
      : '';
  return {
    library: 'transformers',
    tags: isOwn ? ['custom_code'] : [],
    use: `\`\`\`python\n${code}\n\`\`\`${why}${serve}`,
  };
}
