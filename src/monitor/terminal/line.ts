// Lines of a terminal as pieces with a style each, cut and padded by the columns that they take before anything is painted:
// what strangers wrote can neither break a line nor a column.
import { printable } from '../../base/printable.ts'

export type Style = 'bold' | 'dim' | 'good' | 'bad' | 'note' | 'chosen'

export interface Piece {
  readonly text: string
  readonly style?: Style | undefined
}

export type Line = readonly Piece[]

export function piece(text: string, style?: Style): Piece {
  return { text: printable(text), style }
}

/** Columns of one character: marks take none, what East Asia writes and pictures take two. */
function columnsOf(character: string): number {
  const code = character.codePointAt(0)!
  if (code < 0x300) return 1
  if (/^\p{M}$/u.test(character)) return 0
  return (code >= 0x1100 &&
    /^[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$/u.test(character)) ||
    /^\p{Emoji_Presentation}$/u.test(character)
    ? 2
    : 1
}

export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** At most so many columns; what is cut off leaves an ellipsis. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 1
  for (const character of text) {
    used += columnsOf(character)
    if (used > width) break
    kept += character
  }
  return width < 1 ? '' : `${kept}…`
}

export function cutLine(line: Line, width: number): Line {
  const pieces: Piece[] = []
  let left = width
  for (const { text, style } of line) {
    if (left <= 0) break
    const short = cut(text, left)
    left -= widthOf(short)
    pieces.push({ text: short, style })
    if (short !== text) break
  }
  return pieces
}

export function padded(text: string, width: number, side: 'left' | 'right'): string {
  const short = cut(text, width)
  const gap = ' '.repeat(Math.max(0, width - widthOf(short)))
  return side === 'right' ? gap + short : short + gap
}
