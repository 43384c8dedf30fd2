// How a verdict looks: a colour that colour-blind people tell apart too, a pattern that reads without colour, and always
// its word beside it.
import { type Content, html, Markup } from './page-markup.ts'
import type { Verdict } from './verdict.ts'

/** What is drawn over the colour, in a tile of eight by eight. */
const patterns: Readonly<Record<Verdict, string>> = {
  protected: '',
  keying: 'M-1 9 9 -1',
  exempt: 'M2 2h1.6v1.6h-1.6zM6 6h1.6v1.6h-1.6z',
  permitted: 'M0 2h8M0 6h8',
  leaked: 'M-1 -1 9 9',
  blocked: 'M2 0v8M6 0v8',
  'not-ip': 'M4 3.5h1v1h-1z',
  malformed: 'M0 4h8M4 0v8',
  'no-policy': 'M-1 -1 9 9M-5 3 3 11M5 -3 13 5',
}

/** From worst to best: what a person looks for first. */
export const worstFirst: readonly Verdict[] = [
  ...(['leaked', 'blocked', 'malformed', 'exempt', 'no-policy', 'permitted', 'not-ip', 'keying', 'protected'] as const),
]

/** The patterns, once for the whole page; drawn nowhere. */
export function patternDefinitions(): Markup {
  return html`<svg class="definitions" width="0" height="0" aria-hidden="true" focusable="false"><defs>${Object.entries(
    patterns,
  ).map(
    ([verdict, path]) =>
      html`<pattern id="p-${verdict}" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="c-${verdict}" width="8" height="8"/>${
        path === '' ? undefined : html`<path class="i-${verdict}" d="${path}"/>`
      }</pattern>`,
  )}</defs></svg>`
}

/** The style rules that go with it. */
export function verdictStyles(): string {
  return Object.keys(patterns)
    .map(
      name =>
        `.v-${name}{fill:url(#p-${name})}.c-${name}{fill:var(--${name})}.i-${name}{stroke:var(--on-${name});fill:none;stroke-width:1.2}`,
    )
    .join('\n')
}

export function swatch(verdict: Verdict): Markup {
  return html`<svg class="swatch" width="16" height="16" aria-hidden="true" focusable="false"><rect class="v-${verdict} edge" x=".5" y=".5" width="15" height="15"/></svg>`
}

export function named(verdict: Verdict): Markup {
  return html`<span class="verdict">${swatch(verdict)}${verdict}</span>`
}

/** One bar of shares. `label` says the same in words. Whatever occurs is at least a sliver, so that one leak among millions is seen. */
export function shareBar(packets: Readonly<Partial<Record<Verdict, number>>>, label: string, height: number): Markup {
  const present = worstFirst.toReversed().filter(verdict => (packets[verdict] ?? 0) > 0)
  const sum = present.reduce((all, verdict) => all + packets[verdict]!, 0)
  const shares = present.map(verdict => Math.max(0.6, (packets[verdict]! / sum) * 100))
  const scale = 100 / shares.reduce((all, share) => all + share, 0)
  let at = 0
  const parts = present.map((verdict, index) => {
    const width = shares[index]! * scale
    const part = html`<rect class="v-${verdict} edge" x="${at.toFixed(2)}%" y="0" width="${width.toFixed(2)}%" height="${height}"/>`
    at += width
    return part
  })
  return html`<svg class="share" width="100%" height="${height}" role="img" aria-label="${label}"><title>${label}</title>${parts}</svg>`
}

/** A table in a frame of its own that scrolls where it is wider than the page; reachable by keyboard. `name` as it is read out. */
export function tableOf(caption: Content, head: readonly Content[], rows: readonly Content[], name: string): Markup {
  return html`<p class="caption">${caption}</p><div class="scroll" role="group" aria-label="${name}" tabindex="0"><table aria-label="${name}"><thead><tr>${head.map(
    cell => (cell instanceof Markup ? cell : html`<th scope="col">${cell}</th>`),
  )}</tr></thead><tbody>${rows}</tbody></table></div>
`
}

/** The head of a column of numbers. */
export function numbers(text: string): Markup {
  return html`<th scope="col" class="number">${text}</th>`
}
