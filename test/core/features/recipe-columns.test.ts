import { describe, expect, it } from 'vitest';
import { addRecipeColumns, addRecipes } from '../../../src/core/features/recipe-columns.js';

describe('addRecipes', () => {
  it('marks the recipe of each row in a column of its own', () => {
    expect(
      addRecipes({ rates: Float32Array.of(0.5, 0.25, 0, 1), columns: 2 }, ['wanda', 'taylor'], ['taylor', 'wanda']),
    ).toEqual({ rates: Float32Array.of(0.5, 0.25, 0, 1, 0, 1, 1, 0), columns: 4 });
  });

  it('adds no column for a single recipe', () => {
    const batch = { rates: Float32Array.of(0.5), columns: 1 };
    expect(addRecipes(batch, ['wanda'], ['wanda'])).toBe(batch);
  });
});

describe('addRecipeColumns', () => {
  it('names the columns', () => {
    expect(
      addRecipeColumns({ dimensions: ['a'], rates: Float32Array.of(0.5) }, ['wanda', ''], ['']).dimensions,
    ).toEqual(['a', 'recipe.wanda', 'recipe.']);
  });
});
