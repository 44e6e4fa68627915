import { createHash, randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';

const SCOPES = ['read', 'run', 'admin'] as const;

/** `prunecast token`: makes tokens for callers of a server. Nothing is stored or sent. */
export function addTokenCommand(program: Command): void {
  program
    .command('token')
    .description('tokens of callers')
    .command('new')
    .argument('<NAME>', 'whose it is, as logs show it', readName)
    .addOption(
      new Option(
        '--scope <SCOPE>',
        'read: look; run: also start, upload and cancel; admin: also delete and change the log level',
      )
        .choices(SCOPES)
        .default('run'),
    )
    .description(
      'print a new token, which nothing else has, and the entry with its hash for the tokens file of `prunecast serve --tokens-file`',
    )
    .action((name: string, { scope }: { readonly scope: (typeof SCOPES)[number] }) => {
      const token = `pct_${randomBytes(32).toString('base64url')}`;
      const sha256 = createHash('sha256').update(token).digest('hex');
      process.stdout.write(`${token}\n`);
      process.stderr.write(
        `The line above is the token: give it to the caller, it is not shown again.\nPut this into the file, below \`tokens:\`:\n\n  - { name: ${name}, scopes: [${scope}], sha256: ${sha256} }\n`,
      );
    });
}

function readName(name: string): string {
  if (/^[\w.@-]{1,64}$/.test(name)) return name;
  throw new InvalidArgumentError('a name has 1 to 64 letters, digits, or characters of . _ @ -');
}
