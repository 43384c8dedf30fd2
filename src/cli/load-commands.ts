// Only what a command line needs is loaded: the parts of every command together take longer to start than most commands
// take to answer. Help, completion and mistakes get the whole table.
import type { CommandSpec } from './command.ts'

type Load = () => Promise<CommandSpec | readonly CommandSpec[]>

const alone: ReadonlyMap<string, Load> = new Map<string, Load>([
  ['demo', async () => (await import('./commands/demo.ts')).demo],
  ['audit', async () => (await import('./commands/audit.ts')).audit],
  ['explain', async () => (await import('./commands/explain.ts')).explain],
  ['prove', async () => (await import('./commands/prove.ts')).prove],
  ['compare', async () => (await import('./commands/compare.ts')).compare],
  ['monitor', async () => (await import('./commands/monitor.ts')).monitor],
  ['ping', async () => (await import('./commands/ping.ts')).ping],
  ['probe', async () => (await import('./commands/probe.ts')).probe],
  ['netsh', async () => (await import('./commands/netsh.ts')).netshCommands[0]!],
  ['ipsecpol', async () => (await import('./commands/netsh.ts')).netshCommands[1]!],
  ['ipseccmd', async () => (await import('./commands/netsh.ts')).netshCommands[2]!],
  [
    'lab',
    async () => [
      ...(await import('./commands/lab-ad.ts')).labCommands,
      ...(await import('./commands/lab-trials.ts')).labTrials,
    ],
  ],
  ['reg', async () => (await import('./commands/reg.ts')).regCommands],
])

/** `words`: what stands behind `sealwire` on the command line. */
export async function loadCommands(words: readonly string[]): Promise<readonly CommandSpec[]> {
  const load = alone.get(words[0] ?? '')
  return load === undefined ? (await import('./commands.ts')).commands : [await load()].flat()
}
