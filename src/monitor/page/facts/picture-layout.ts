// Where the picture of who talks to whom puts things: this host in the middle with its peers in columns at both sides, or at
// the left with one column where there is little room. Labels stand beside their peers and never lie over one another.

export interface Placed {
  readonly x: number
  readonly y: number
  /** Where its label goes. */
  readonly side: 'left' | 'right'
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly hub: { readonly x: number; readonly y: number }
  readonly peers: readonly Placed[]
  /** What a label may take. */
  readonly labelWidth: number
}

/** More than these are drawn as a grid of marks. */
export const MOST_LINES = 40
const NARROW = 620
const LEAST_HEIGHT = 220
const MARGIN = 12
const LEAST_PITCH = 44
const MOST_PITCH = 130
const HUB = 58

/** `height` is what there is on the screen; what does not fit in it makes the picture higher. */
export function layoutOf(peers: number, width: number, height: number): Layout {
  const isNarrow = width < NARROW || peers === 1
  const right = isNarrow ? peers : Math.ceil(peers / 2)
  const rows = Math.max(right, peers - right, 1)
  // A few stand well apart, many as close as two lines of a label allow.
  const pitch = Math.min(MOST_PITCH, Math.max(LEAST_PITCH, (height - 2 * MARGIN) / rows))
  const high = Math.max(LEAST_HEIGHT, rows * pitch + 2 * MARGIN)
  const labelWidth = Math.min(300, Math.max(120, Math.floor(width * (isNarrow ? 0.45 : 0.27))))
  const hub = { x: isNarrow ? HUB : width / 2, y: high / 2 }
  const place = (index: number, of: number, side: 'left' | 'right'): Placed => ({
    x: side === 'right' ? width - labelWidth - 18 : labelWidth + 18,
    y: high / 2 + (index - (of - 1) / 2) * pitch,
    side,
  })
  const placed = Array.from({ length: peers }, (_, index) =>
    index < right ? place(index, right, 'right') : place(index - right, peers - right, 'left'),
  )
  return { width, height: high, hub, peers: placed, labelWidth }
}

/** How far each of several lines to one peer lies from their middle, so that none covers another. */
export function shiftsOf(widths: readonly number[]): readonly number[] {
  const gap = 2
  const all = widths.reduce((sum, width) => sum + width + gap, -gap)
  let at = -all / 2
  return widths.map(width => {
    const middle = at + width / 2
    at += width + gap
    return middle
  })
}

/** A line from this host to a peer. */
export function pathOf({ hub }: Layout, { x, y }: Placed, shift: number): string {
  const middle = (hub.x + x) / 2
  const at = (value: number) => value.toFixed(1)
  return `M${at(hub.x)} ${at(hub.y + shift)}C${at(middle)} ${at(hub.y + shift)} ${at(middle)} ${at(y + shift)} ${at(x)} ${at(y + shift)}`
}

/** From a hair for nothing to a band for ten gigabits: each tenfold is a step. */
export function lineWidth(bytesPerSecond: number): number {
  if (bytesPerSecond <= 0) return 1.5
  return Math.min(9, 2 + Math.max(0, Math.log10(bytesPerSecond) - 2) * 1)
}
