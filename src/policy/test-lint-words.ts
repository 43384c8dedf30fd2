// Pieces of policies for the tests of the linter, and what a case is.
import type { Finding, LintKind } from './lint-kinds.ts'

export const PSK = 'authentication: [{ preSharedKey: "0123456789abcdef0123" }]'
export const certificate = 'authentication: [{ certificate: { ca: a } }]'
export const KERBEROS = 'authentication: [kerberos]'
export const between = 'filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]'
export const secured = `{ ${between}, action: negotiate, ${PSK} }`

export function rules(...list: readonly string[]): string {
  return `rules:\n${list.map(rule => `  - ${rule}\n`).join('')}`
}

export interface Case {
  readonly kind: LintKind
  readonly has: string
  /** As much like it as can be, without the fault. */
  readonly hasNot: string
  readonly about?: readonly string[]
  readonly severity?: Finding['severity']
}
