import { TrialRole, type PrunecastClient } from '../../src/client/index.js';

/**
 * Tokens that were run for each row of the table: a control's own, and for the winner all that the search needed to
 * find it.
 */
export async function sumTokens(
  client: PrunecastClient,
  studyId: string,
): Promise<Record<'dense' | 'uniform_paper' | 'uniform_best' | 'winner', number>> {
  const sums = { dense: 0, uniform_paper: 0, uniform_best: 0, winner: 0 };
  let pageToken = '';
  do {
    const page = await client.services.studies.listTrials({ studyId, pageSize: 1000, pageToken });
    for (const { role, control, tokensSpent } of page.trials) {
      if (role === TrialRole.DENSE) sums.dense += Number(tokensSpent);
      else if (control === 'uniform-paper') sums.uniform_paper += Number(tokensSpent);
      else if (control === 'uniform-best') sums.uniform_best += Number(tokensSpent);
      else if (role !== TrialRole.CONTROL) sums.winner += Number(tokensSpent);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return sums;
}
