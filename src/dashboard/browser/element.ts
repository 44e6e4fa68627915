type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/**
 * An element. Its texts are always text, never markup, whatever the server says. An attribute that is false or
 * undefined is left out.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

/** Sets a text, and leaves the page alone if it is there already: nothing is announced or redrawn. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
