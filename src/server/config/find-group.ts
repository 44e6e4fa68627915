import { readFile } from 'node:fs/promises';

/**
 * The number of a group of this machine, given by its name or number.
 *
 * @throws Error for a name that there is not
 */
export async function findGroup(group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const line = groups.split('\n').find((entry) => entry.startsWith(`${group}:`));
  const id = line?.split(':')[2];
  if (id === undefined || !/^\d+$/.test(id))
    throw new Error(`/etc/group has no group "${group}" (socketGroup): give its number`);
  return Number(id);
}
