// The program nft, the only way this project speaks to nftables: a ruleset goes in whole and is taken whole or refused.
// A refused ruleset changes nothing, and is never taken for a loaded one: the exit status is checked.
import { spawn } from 'node:child_process'
import { failure, type Problem, type Result, success } from '../../base/result.ts'

/** Why nft did not do it. Only `refused` speaks of what it was given. */
export interface NftProblem extends Problem {
  readonly kind: 'no-nft' | 'not-allowed' | 'refused'
}

/** As a plain name, then where a user's PATH does not lead. */
const places: readonly string[] = ['nft', '/usr/sbin/nft', '/sbin/nft']
/** A listing of a great policy has several megabytes. */
const MOST_OUTPUT = 256 * 1024 * 1024

/** What nft prints for these words, given `input`. It runs in the network namespace of the calling thread. */
export async function runNft(
  words: readonly string[],
  input = '',
  programs: readonly string[] = places,
): Promise<Result<string, NftProblem>> {
  for (const program of programs) {
    const ran = await run(program, words, input)
    if (ran === 'absent') continue
    return ran.status === 0 ? success(ran.out) : failure(problemOf(ran))
  }
  return failure({
    kind: 'no-nft',
    severity: 'error',
    where: 'nft',
    what: 'the program nft is not on this machine',
    hint: 'install nftables: apt install nftables, dnf install nftables, apk add nftables',
  })
}

/** All of the text or nothing, at one moment. */
export function loadRuleset(text: string): Promise<Result<string, NftProblem>> {
  return runNft(['-f', '-'], text)
}

/** Whether the kernel would take it; nothing is changed. */
export function checkRuleset(text: string): Promise<Result<string, NftProblem>> {
  return runNft(['-c', '-f', '-'], text)
}

interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

/** nft's first complaint, with the line that it points at. */
function problemOf({ status, error }: Ran): NftProblem {
  const about = { severity: 'error', where: 'nft' } as const
  const [first = '', quote = ''] = error.split('\n')
  const plain = `${first.trim()}${quote.trim() === '' ? '' : `: ${quote.trim().slice(0, 200)}`}`
  if (/Operation not permitted|Permission denied|you must be root/i.test(error)) {
    const hint = 'run it as root, or with the capability CAP_NET_ADMIN'
    return { ...about, kind: 'not-allowed', what: 'nft may not change the rules of this machine', hint }
  }
  const what = plain === '' ? `nft ended with status ${status}` : `nft refuses: ${plain}`
  return { ...about, kind: 'refused', what, hint: 'nothing was changed; is the kernel built with nftables?' }
}

function run(program: string, words: readonly string[], input: string): Promise<Ran | 'absent'> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] })
    const [out, error]: Buffer[][] = [[], []]
    let size = 0
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > MOST_OUTPUT) child.kill()
      else out!.push(piece)
    })
    child.stderr.on('data', (piece: Buffer) => void error!.push(piece))
    // It may end before it has read everything: its status says why.
    child.stdin.on('error', () => {})
    child.on('error', cause => {
      if ('code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) resolve('absent')
      else reject(new Error(`starting ${program}`, { cause }))
    })
    child.on('close', status => {
      resolve({ status, out: Buffer.concat(out!).toString(), error: Buffer.concat(error!).toString() })
    })
    child.stdin.end(input)
  })
}
