// Which addresses are the host's own, as audits and exports are told: one word with commas, since a list of words would take
// the files behind it for addresses.
import { type Address, parseAddress } from '../base/address.ts'
import type { Problem } from '../base/result.ts'
import { type CommandInput, textOption } from './command.ts'

export const meFlags = { flags: '--me <addresses>', key: 'me' } as const

/** None where the option is left out; what is no address is among the problems. */
export function readMe(input: CommandInput): {
  readonly me: readonly Address[]
  readonly problems: readonly Problem[]
} {
  const me: Address[] = []
  const problems: Problem[] = []
  for (const text of textOption(input, 'me')?.split(',') ?? []) {
    const address = parseAddress(text)
    if (address !== undefined) me.push(address)
    else {
      const hint = 'as in 10.54.0.1,10.54.0.2'
      problems.push({ severity: 'error', where: '--me', what: `“${text}” is no IP address`, hint })
    }
  }
  return { me, problems }
}
