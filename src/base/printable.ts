// Texts of strangers where a person or a terminal reads them: what would act on the terminal is shown by its number.

export const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Control characters, line separators and what turns the direction of writing are shown by number. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, found => `\\u{${found.codePointAt(0)!.toString(16)}}`)
}
