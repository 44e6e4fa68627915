import { reportConfig } from './report-config.js';

/*
 * The settings that a server with this environment would use, as one line of JSON. With the argument `check` it looks for
 * the files and folders that they name, too. A process of its own, as only a server reads its settings.
 */

process.stdout.write(
  `${JSON.stringify(await reportConfig(process.env, { checksPaths: process.argv[2] === 'check' }))}\n`,
);
