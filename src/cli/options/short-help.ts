import { Help, Option, type Command, type HelpConfiguration } from 'commander';

/** The flags that `--help` shows of a command; a command without an entry shows all. */
const COMMON = new WeakMap<Command, ReadonlySet<string>>();

/** Those that `--help` leaves out of a command without an entry. */
const RARE = new WeakMap<Command, ReadonlySet<string>>();

/** Shown by every short help. */
const ALWAYS = ['--json', '--help', '--help-all'] as const;

/**
 * Has `--help` show the flags that most calls need, and `--help-all` every flag under its heading. Comes after all other
 * flags of the command.
 *
 * @param flags long names; others than those of the command are an error of the program
 */
export function showFirst(command: Command, flags: readonly string[]): Command {
  const known = new Set(command.options.map(({ long }) => long));
  const unknown = flags.filter((flag) => !known.has(flag));
  if (unknown.length > 0) throw new RangeError(`${command.name()} has no flag ${unknown.join(', ')}`);
  COMMON.set(command, new Set([...flags, ...ALWAYS]));
  return offerAll(command);
}

/** Has `--help` leave out these flags of a command, unless `showFirst` says what it shows. */
export function showLast(command: Command, flags: readonly string[]): Command {
  RARE.set(command, new Set(flags));
  return offerAll(command);
}

function offerAll(command: Command): Command {
  if (command.options.some(({ long }) => long === '--help-all')) return command;
  return command.option('--help-all', 'show every flag').on('option:help-all', () => {
    COMMON.delete(command);
    RARE.delete(command);
    command.help();
  });
}

/** How the help of every command is written. */
export function writeHelp(describeOption: (option: Option) => string): HelpConfiguration {
  return {
    optionDescription: describeOption,
    formatHelp(command, helper) {
      const [common, rare] = [COMMON.get(command), RARE.get(command)];
      if (common === undefined && rare === undefined) return Help.prototype.formatHelp.call(helper, command, helper);
      const all = helper.visibleOptions(command);
      const shown = all.filter(({ long }) => common?.has(long ?? '') ?? rare?.has(long ?? '') !== true);
      helper.visibleOptions = () => shown;
      // Without headings: most would have one flag each.
      if (common !== undefined)
        helper.groupItems = (items, visible, groupOf) =>
          Help.prototype.groupItems.call(helper, items, visible, (item) =>
            item instanceof Option ? 'Common flags:' : groupOf(item as never),
          ) as never;
      return `${Help.prototype.formatHelp.call(helper, command, helper)}\n${all.length - shown.length} more flags: ${pathOf(command)} --help-all\n`;
    },
  };
}

/** `prunecast pairs sample`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
