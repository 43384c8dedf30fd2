// Many filters as few look-ups: 10,000 rules asked one by one would cost each packet far too much. Filters that stand at
// the same place of the order and ask the same fields become one verdict map.
import type { Asked } from './matches.ts'

export interface Choice {
  readonly asked: Asked
  /** Neighbours with the same text may change places: they are equally specific and do the same. */
  readonly rank: string
  /** The chain that such a packet goes to. */
  readonly chain: string
}

/** Rules of nftables that choose as the list does, where the first that matches counts. */
export function lookUps(choices: readonly Choice[]): readonly string[] {
  return runs(choices).flatMap(run => [...shapes(run).values()].map(ruleOf))
}

function runs(choices: readonly Choice[]): readonly (readonly Choice[])[] {
  const found: Choice[][] = []
  for (const choice of choices) {
    const run = found.at(-1)
    if (run?.[0]?.rank === choice.rank) run.push(choice)
    else found.push([choice])
  }
  return found
}

/** By what they ask, the first of each in the order of the list. */
function shapes(run: readonly Choice[]): ReadonlyMap<string, readonly Choice[]> {
  const found = new Map<string, Choice[]>()
  for (const choice of run) {
    const { fixed, fields, values } = choice.asked
    // Prefixes of other lengths may overlap.
    const lengths = values.map(value => /\/\d+$/.exec(value)?.[0] ?? '')
    const key = JSON.stringify([fixed, fields, lengths])
    const shape = found.get(key)
    if (shape === undefined) found.set(key, [choice])
    else shape.push(choice)
  }
  return found
}

function ruleOf(shape: readonly Choice[]): string {
  const { fixed, fields } = shape[0]!.asked
  const chains = new Map<string, string>()
  for (const { asked, chain } of shape) {
    const value = asked.values.join(' . ')
    if (!chains.has(value)) chains.set(value, chain)
  }
  const front = fixed.map(text => `${text} `).join('')
  const targets = new Set(chains.values())
  const values = [...chains.keys()]
  if (fields.length === 0) return `${front}goto ${shape[0]!.chain}`
  if (targets.size > 1) {
    const elements = [...chains].map(([value, chain]) => `${value} : goto ${chain}`)
    return `${front}${fields.join(' . ')} vmap { ${elements.join(', ')} }`
  }
  if (values.length > 1) return `${front}${fields.join(' . ')} { ${values.join(', ')} } goto ${shape[0]!.chain}`
  const single = fields.map((name, index) => `${name} ${shape[0]!.asked.values[index]}`)
  return `${front}${single.join(' ')} goto ${shape[0]!.chain}`
}
