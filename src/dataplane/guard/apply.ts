// The guard in the kernel: put there, taken away, looked at. Everything is one transaction of nft, so there is no moment
// at which half of a policy counts.
import { createHash } from 'node:crypto'
import { type Address, formatAddress } from '../../base/address.ts'
import { type Result, success } from '../../base/result.ts'
import { loadRuleset, type NftProblem, runNft } from './nft.ts'
import {
  type ClearPair,
  clearPairElement,
  clearPairs,
  DIGEST_CHAIN,
  piecesFirst,
  type Ruleset,
  withoutTable,
} from './ruleset.ts'

export type Applied<T = void> = Promise<Result<T, NftProblem>>

/** What `seen` of a table says later tells whether anybody has changed it since. */
export interface Seen {
  /** Of the ruleset that was loaded last, as `Ruleset` has it. */
  readonly digest: string
  /** Of the rules as the kernel lists them, without counters and without the pairs in clear. */
  readonly fingerprint: string
}

export type Health = 'as-written' | 'changed' | 'another' | 'absent'

/** The kernel may lack what puts pieces together (nft_tproxy): then the rules judge them one by one, which is stricter. */
export async function loadWithPieces({ text }: Ruleset, table: string): Applied<string> {
  const loaded = await loadRuleset(`${text}${piecesFirst(table)}`)
  return loaded.ok || loaded.error.kind !== 'refused' ? loaded : loadRuleset(text)
}

/** Answers what `healthOf` compares with. */
export async function applyGuard(ruleset: Ruleset, table: string): Applied<Seen> {
  const loaded = await loadWithPieces(ruleset, table)
  if (!loaded.ok) return loaded
  const seen = await seenGuard(table)
  if (!seen.ok) return seen
  return success(seen.value ?? { digest: '', fingerprint: '' })
}

export async function removeTable(table: string): Applied {
  const loaded = await loadRuleset(withoutTable(table))
  return loaded.ok ? success(undefined) : loaded
}

/** Undefined where there is no such table. */
export async function seenGuard(table: string): Applied<Seen | undefined> {
  const listed = await listTable(['-s', '-t'], table)
  if (!listed.ok || listed.value === undefined) return listed as Result<undefined, NftProblem>
  const digest = new RegExp(`^\\s*chain ${DIGEST_CHAIN}([0-9a-f]+) \\{`, 'm').exec(listed.value)?.[1] ?? ''
  return success({ digest, fingerprint: createHash('sha256').update(listed.value).digest('hex') })
}

/** Whether the guard is there, and is the one that `applied` told of: for a health check. */
export async function healthOf(table: string, applied: Seen): Applied<Health> {
  const seen = await seenGuard(table)
  if (!seen.ok) return seen
  if (seen.value === undefined) return success('absent')
  if (seen.value.digest !== applied.digest) return success('another')
  return success(seen.value.fingerprint === applied.fingerprint ? 'as-written' : 'changed')
}

/** Undefined where there is no such table. */
export async function listTable(options: readonly string[], table: string): Applied<string | undefined> {
  const listed = await runNft([...options, 'list', 'table', 'inet', table])
  if (listed.ok) return listed
  return /No such file or directory/.test(listed.error.what) ? success(undefined) : listed
}

export interface Counter {
  /** Of the base chain or rule that counts; `output`, `rule_3_in`. */
  readonly chain: string
  /** The rule's or exemption's name, or what is special about the traffic. */
  readonly comment: string
  readonly verdict: 'accept' | 'drop'
  readonly packets: number
  readonly bytes: number
}

/** Since the table was loaded; those that have counted nothing are left out. Undefined where there is no such table. */
export async function guardCounters(table: string): Applied<readonly Counter[] | undefined> {
  const listed = await listTable(['-j'], table)
  if (!listed.ok || listed.value === undefined) return listed as Result<undefined, NftProblem>
  const { nftables } = JSON.parse(listed.value) as { nftables: readonly Listed[] }
  return success(nftables.flatMap(({ rule }) => (rule === undefined ? [] : counterOf(rule))))
}

interface Listed {
  readonly rule?: {
    readonly chain: string
    readonly comment?: string
    readonly expr: readonly {
      readonly counter?: { readonly packets: number; readonly bytes: number }
      readonly accept?: null
      readonly drop?: null
    }[]
  }
}

function counterOf({ chain, comment, expr }: NonNullable<Listed['rule']>): readonly Counter[] {
  const counter = expr.find(one => one.counter !== undefined)?.counter
  if (counter === undefined || counter.packets === 0) return []
  const verdict = expr.some(one => 'drop' in one) ? 'drop' : 'accept'
  return [{ chain, comment: comment ?? '', verdict, ...counter }]
}

/** Lets the pairs speak in clear for their time, counted from now, where a rule between them falls back. */
export async function letInClear(table: string, pairs: readonly ClearPair[]): Applied {
  // Adding what is there would keep its old time.
  const lines = pairs.flatMap(pair => [
    clearPairElement(table, pair),
    withoutPair(table, pair.own, pair.peer),
    clearPairElement(table, pair),
  ])
  const loaded = await loadRuleset(`${lines.join('\n')}\n`)
  return loaded.ok ? success(undefined) : loaded
}

/** Ends that at once; a pair that is not there is fine. */
export async function endInClear(table: string, pairs: readonly Pick<ClearPair, 'own' | 'peer'>[]): Applied {
  const lines = pairs.flatMap(({ own, peer }) => [
    clearPairElement(table, { own, peer, seconds: 1 }),
    withoutPair(table, own, peer),
  ])
  const loaded = await loadRuleset(`${lines.join('\n')}\n`)
  return loaded.ok ? success(undefined) : loaded
}

function withoutPair(table: string, own: Address, peer: Address): string {
  const pair = `${formatAddress(own)} . ${formatAddress(peer)}`
  return `delete element inet ${table} ${clearPairs[own.family]} { ${pair} }`
}
