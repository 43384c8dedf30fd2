// The mark of a standing: a colour that colour-blind people tell apart, and a shape that reads without colour.
import { type Standing, standingWords } from '../facts/peers.ts'

const shapes: Readonly<Record<Standing, string>> = {
  sealed: 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13z',
  exempt: 'M8 .8 15.2 8 8 15.2.8 8z',
  clear: 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13zM8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6z',
  failed: 'M3.6.9 8 5.3 12.4.9l2.7 2.7L10.7 8l4.4 4.4-2.7 2.7L8 10.7l-4.4 4.4-2.7-2.7L5.3 8 .9 3.6z',
  leaked: 'M8 .8 15.6 14.8H.4zM7.2 5.4v5h1.6v-5zM7.2 11.6v1.7h1.6v-1.7z',
  negotiating: 'M1.5 8a6.5 6.5 0 0 1 13 0zM1.5 9.8h13v1.6h-13z',
  permitted: 'M2 2h12v12H2zM4.8 4.8v6.4h6.4V4.8z',
  idle: 'M8 4.6a3.4 3.4 0 1 1 0 6.8a3.4 3.4 0 1 1 0-6.8z',
}

/** Inside of an image, in a square of 16. */
export function MarkShape({ standing }: { readonly standing: Standing }) {
  return <path class={`mark s-${standing}`} fill-rule="evenodd" d={shapes[standing]} />
}

interface MarkProps {
  readonly standing: Standing
  /** Pixels; left out, as large as the text. */
  readonly size?: number | undefined
}

export function Mark({ standing, size }: MarkProps) {
  const style = size === undefined ? {} : { width: `${size.toFixed(1)}px`, height: `${size.toFixed(1)}px` }
  return (
    <svg class="mark-box" style={style} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <MarkShape standing={standing} />
    </svg>
  )
}

export function Named({ standing, word }: { readonly standing: Standing; readonly word?: string }) {
  return (
    <span class="named">
      <Mark standing={standing} />
      {word ?? standingWords[standing]}
    </span>
  )
}
