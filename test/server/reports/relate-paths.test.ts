import { describe, expect, it } from 'vitest';
import { StudyOverview } from '../../../src/gen/prunecast/v1/study.js';
import { relatePaths } from '../../../src/server/reports/relate-paths.js';

const overview = StudyOverview.fromPartial({
  study: { model: '/home/ann/models/llama' },
  settings: [{ name: 'model', value: '/home/ann/models/llama' }],
  commands: [
    "prunecast search --model /home/ann/models/llama --text '/data/my texts/a.txt' --calibration /mnt/home/ann/b.txt",
    'prunecast call X --request \'@{"model":"/home/ann/models/llama","text":"/home/annie/c.txt"}\'',
  ],
});

describe('a document of a study', () => {
  it('names paths relative to the innermost root that they lie under, and leaves the others', () => {
    const { study, settings, commands } = relatePaths(overview, ['/', '/home/ann', '/home/ann/models', '/data']);
    expect(study?.model).toBe('llama');
    expect(settings[0]?.value).toBe('llama');
    expect(commands).toEqual([
      "prunecast search --model llama --text 'my texts/a.txt' --calibration /mnt/home/ann/b.txt",
      'prunecast call X --request \'@{"model":"llama","text":"/home/annie/c.txt"}\'',
    ]);
  });

  it('names a root itself by its last name, and a path as it is where the only root is everything', () => {
    expect(relatePaths(overview, ['/home/ann/models/llama']).study?.model).toBe('llama');
    expect(relatePaths(overview, ['/'])).toEqual(overview);
  });
});
