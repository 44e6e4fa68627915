/** One entry of a file: a value of JSON, the fields of a CSV row in order, or those of a Parquet row by name. */
export interface Entry {
  /** Its first line, from 1; of Parquet, which has no lines, its number. */
  readonly line: number;
  readonly value: unknown;
}
