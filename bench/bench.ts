// How benchmarks are measured here: alternatives run in turn, several rounds, medians; results are ratios against
// something real that ran in the same rounds, because machines are noisy and differ.
import { spawnSync } from 'node:child_process'

export interface Row {
  readonly what: string
  /** In the unit that the table's heading names. */
  readonly value: string
  /** Against the reference of the table; 1 is as fast. */
  readonly ratio: string
  readonly note?: string
}

export interface Table {
  readonly title: string
  readonly unit: string
  /** What the ratio is against. */
  readonly against: string
  readonly rows: readonly Row[]
  readonly remarks: readonly string[]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Runs every alternative once a round, in turn; answers the median seconds of each. */
export function interleave(
  alternatives: Readonly<Record<string, () => number>>,
  rounds: number,
): Record<string, number> {
  const times: Record<string, number[]> = {}
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(alternatives)) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Kround ${round + 1} of ${rounds}: ${name}`)
      const seconds = run()
      times[name] = [...(times[name] ?? []), seconds]
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]))
}

/** Wall-clock seconds of a command with its output thrown away; `accepts` names the exit statuses that are fine. */
export function timeCommand(command: readonly string[], accepts: readonly number[] = [0]): number {
  const start = performance.now()
  const done = spawnSync(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
  const seconds = (performance.now() - start) / 1000
  if (done.status === null || !accepts.includes(done.status)) {
    throw new Error(`${command.join(' ')} ended with ${done.status}: ${done.stderr.toString().slice(-300)}`)
  }
  return seconds
}

export function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

export function markdown(table: Table): string {
  const head = `| | ${table.unit} | against ${table.against} |\n|---|---:|---:|`
  const rows = table.rows.map(
    row => `| ${row.what}${row.note === undefined ? '' : ` (${row.note})`} | ${row.value} | ${row.ratio} |`,
  )
  return [`## ${table.title}`, '', head, ...rows, '', ...table.remarks.map(remark => `${remark}\n`)].join('\n')
}
