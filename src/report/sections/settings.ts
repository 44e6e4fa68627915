import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { Section } from '../form/report.js';

/** What the request resolved to. */
export function writeSettings({ settings }: StudyOverview): Section | undefined {
  if (settings.length === 0) return undefined;
  return {
    id: 'settings',
    title: 'Settings',
    note: 'All that decided the study, defaults included.',
    figures: [
      {
        table: {
          columns: [{ name: 'setting' }, { name: 'value' }],
          rows: settings.map(({ name, value }) => [name, value]),
        },
      },
    ],
  };
}
