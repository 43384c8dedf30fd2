// Markup in which everything from outside is escaped unless it is markup itself: a name in a capture cannot become an
// element. Written so that it is well-formed as XML too. Characters that steer a display are shown by their numbers.

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Content = string | number | Markup | readonly Content[] | undefined

/** Literal parts stand as they are, what is put between them is escaped; lists stand one behind the other. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.reduce((text, part, index) => text + textOf(contents[index - 1]) + part))
}

function textOf(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'object') return content.map(textOf).join('')
  return escaped(String(content))
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Controls, line and paragraph ends, and what turns the direction of reading, so that a name shows what it is. */
const steering = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/gu

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(steering, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
    .replace(/[&<>"']/g, character => entities[character]!)
}
