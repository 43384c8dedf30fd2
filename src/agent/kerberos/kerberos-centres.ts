// The key centres that policies name, as a krb5.conf for MIT's library. It is read in front of the system's own, which goes on
// to count for everything else.
import { type Address, formatAddress } from '../../base/address.ts'
import type { KerberosCredential } from '../../keying/credentials.ts'
import { realmOf } from '../../keying/principal.ts'

export class KerberosCentres {
  readonly #realms = new Map<string, readonly Address[]>()

  get isEmpty(): boolean {
    return this.#realms.size === 0
  }

  /** Whether the configuration is another one now. */
  learn({ realm, principal, centres = [] }: KerberosCredential): boolean {
    const name = realm ?? realmOf(principal ?? '')
    if (name === undefined || centres.length === 0) return false
    const before = this.configuration()
    this.#realms.set(name, centres)
    return this.configuration() !== before
  }

  /** No name is looked up for a realm that has centres: who asks for them may be who is to be secured. */
  configuration(): string {
    const realms = [...this.#realms].flatMap(([realm, centres]) => [
      `  ${realm} = {`,
      ...centres.map(centre => `    kdc = ${written(centre)}`),
      '  }',
    ])
    return ['# Made by sealwire from the policy in force.', '[realms]', ...realms, ''].join('\n')
  }
}

function written(centre: Address): string {
  const text = formatAddress(centre)
  return centre.family === 6 ? `[${text}]` : text
}
