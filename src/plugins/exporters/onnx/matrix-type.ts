/** How matrices are stored. */
export type MatrixType = FloatType | 'int8';

/** How values are computed. */
export type FloatType = 'float32' | 'float16';

/** The type of the products of matrices of a type: those of 8-bit weights take and give float32. */
export function productType(type: MatrixType): FloatType {
  return type === 'float16' ? 'float16' : 'float32';
}
