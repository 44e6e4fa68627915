/** What a report says of the controls that it does not have, as a sentence; empty for none. */
export function describeLeftOutControls(names: readonly string[]): string {
  return names.length === 0 ? '' : `Not measured: ${names.join(', ')} (\`controls\` asks for them by name).`;
}
