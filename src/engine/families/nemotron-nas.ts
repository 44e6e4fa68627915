/**
 * The `model_type` of a Llama whose layers differ, in the form of src/engine/checkpoint/nemotron-nas-form.ts.
 */
export const NEMOTRON_NAS = 'nemotron-nas';
