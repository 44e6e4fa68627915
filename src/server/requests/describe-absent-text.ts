import { placeOfUpload } from './upload-names.js';

/**
 * How a text that is not at hand is called, and how it comes back.
 *
 * @param field where a request may name it instead
 */
export function describeAbsentText(path: string, field: string): { readonly name: string; readonly cure: string } {
  const place = placeOfUpload(path);
  const named = `name it in \`${field}\``;
  return place === undefined
    ? { name: path, cure: named }
    : { name: `the upload ${place.name}`, cure: `upload the same file again (UploadFile), or ${named}` };
}
