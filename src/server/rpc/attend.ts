import type { OpenModels } from '../models/open-models.js';
import type { ResolvedPlugin } from '../requests/plugin-lookup.js';
import type { FitForm, FittedPredictors } from '../predictors/fitted-predictors.js';
import type { RecipeResolver } from '../recipes/recipe-resolver.js';
import { orAborted } from '../../core/or-aborted.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { workContext, type PartContext } from '../kinds/job-context.js';
import type { TextSource } from '../texts/text-source.js';

/** What a request is checked with: some of it takes seconds. */
interface CheckingServices {
  readonly models: OpenModels;
  readonly texts?: TextSource;
  readonly recipes?: RecipeResolver;
  readonly predictors?: FittedPredictors;
}

/**
 * The same services for the checks of one call: opening a model, tokenizing a text, measuring latencies and opening a
 * user's regressor end with the signal's reason when its caller leaves, are given up where nobody else waits for them,
 * and tell how far they are. Not for the work of a job, which outlives its caller.
 */
export function attend<Services extends CheckingServices>(
  services: Services,
  { signal, progress = () => undefined }: Pick<PartContext, 'signal'> & Partial<PartContext>,
): Services {
  const { models, texts, recipes, predictors } = services;
  const work = (activity: string): WorkContext => workContext({ signal, progress }, activity);
  const attendedModels: OpenModels = {
    open: async (name, field) => {
      signal.throwIfAborted();
      const model = await orAborted(models.open(name, field, work('opening the model').report), signal);
      return {
        ...model,
        timeShapes: (length) => model.timeShapes(length, work('timing shapes')),
        findSpeeds: () => model.findSpeeds(signal),
      };
    },
    close: () => models.close(),
  };
  const attendedTexts: TextSource | undefined = texts && {
    ...texts,
    load: (text, model, field, asked) => texts.load(text, model, field, { ...asked, ...work('reading texts') }),
  };
  return {
    ...services,
    models: attendedModels,
    ...(attendedTexts === undefined ? {} : { texts: attendedTexts }),
    ...(recipes === undefined ? {} : { recipes: recipes.attended(work('reading texts')) }),
    ...(predictors === undefined
      ? {}
      : {
          predictors: {
            ...predictors,
            check: (plugin: ResolvedPlugin<'predictor'>, form: FitForm) => predictors.check(plugin, form, signal),
          },
        }),
  };
}
