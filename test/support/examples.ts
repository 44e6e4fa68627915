import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a command is on the path. */
export function hasTool(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The commands of the first code block of an example's page. */
export function readCommands(folder: string): string[] {
  const page = readFileSync(join(folder, 'README.md'), 'utf8');
  const [, commands] = /```\n(.*?)\n```/s.exec(page) ?? [];
  if (commands === undefined) throw new Error(`${folder}/README.md has no commands`);
  return commands.split('\n');
}
