// Chapter i: the exemption as a way in. nmap, which knows nothing of sealwire, asks from port 88.

import type { HostAgent } from '../agent.ts'
import type { Chapter } from '../chapter.ts'
import { blockPolicy } from '../policies.ts'
import type { Scene } from '../scene.ts'
import { countPackets } from '../tshark.ts'

export const sourcePortBypass: Chapter = {
  letter: 'i',
  title: 'Source port 88 gets through a policy that blocks everything',
  kb: 'KB 811832',
  story: [
    'The second controller has a policy that blocks everything from and to the first. But where Kerberos is exempt, whatever ' +
      'has port 88 as its source is Kerberos for the filter, whoever sends it and wherever it goes: an attacker who asks ' +
      'from port 88 reaches every service. Any port scanner can do so: “nmap -g 88”.',
    'Windows Server 2003 knows four values of NoDefaultExempt. At 0 and 2 Kerberos is exempt, and the way is open; at 1 and 3 it ' +
      'is not. The value is set through the registry while the agent runs.',
  ],
  run: async scene => {
    const [attacker, target] = scene.agents
    if (attacker === undefined || target === undefined) throw new Error('two controllers are needed')
    const open = await scan(attacker, target, [])
    scene.check('without a policy nmap finds every service open', open.length === services.length, told(open))
    await target.writePolicy(blockPolicy(scene.lab.forest, target.controller, { profile: 'windows-server-2003' }))
    await target.up()
    for (const value of [0, 1, 2, 3]) await tryValue(scene, attacker, target, value)
    await scene.noteMemory('after the scans')
  },
}

const services: readonly string[] = ['tcp/135', 'tcp/389', 'tcp/445', 'udp/53', 'udp/137', 'udp/389']

async function tryValue(scene: Scene, attacker: HostAgent, target: HostAgent, value: number): Promise<void> {
  await target.setNoDefaultExempt(value)
  const { setting } = await target.status()
  scene.checkEqual(`NoDefaultExempt ${value}: what the agent has`, setting.value, value)
  const recording = await scene.record(`value-${value}`)
  const [plain, from88] = [await scan(attacker, target, []), await scan(attacker, target, ['-g', '88'])]
  const judged = await recording.stop(target)
  const due = value === 0 || value === 2 ? services : []
  scene.check(`NoDefaultExempt ${value}: nmap finds nothing open`, plain.length === 0, told(plain))
  const isDue = from88.join() === due.join()
  const finds = due.length > 0 ? 'every service open' : 'nothing open'
  scene.check(`NoDefaultExempt ${value}: nmap -g 88 finds ${finds}`, isDue, told(from88))
  const path = `${scene.folder}/${judged.file}`
  const back = `ip.src == ${target.address} && ip.dst == ${attacker.address}`
  const answers = await countPackets(path, back)
  if (due.length > 0) {
    // A piece that another one follows shows no port of its own; the last one is told with the whole.
    const others = await countPackets(path, `${back} && ip.flags.mf == 0 && !(tcp.dstport == 88 || udp.dstport == 88)`)
    const seen = `${answers}, ${others} of them not to port 88`
    scene.check(`NoDefaultExempt ${value}: packets that came back, all to port 88`, answers > 0 && others === 0, seen)
  } else scene.checkEqual(`NoDefaultExempt ${value}: packets that came back`, answers, 0)
  const { verdicts } = judged
  const seen = `${verdicts.exempt} exempt, ${verdicts.blocked} blocked`
  const isSo =
    due.length > 0
      ? verdicts.exempt > 0 && verdicts.blocked > 0
      : verdicts.exempt === judged.classes.broadcast + judged.classes.multicast && verdicts.blocked > 0
  scene.check(
    `NoDefaultExempt ${value}: the auditor says ${due.length > 0 ? 'exempt' : 'blocked'} of what came from port 88`,
    isSo,
    seen,
  )
}

/** The services that answered, in the order above: TCP by a SYN-ACK, UDP by an answer to what the service is asked. */
async function scan(attacker: HostAgent, target: HostAgent, source: readonly string[]): Promise<readonly string[]> {
  const ports = `T:${portsOf('tcp')},U:${portsOf('udp')}`
  const patience = ['--max-retries', '1', '--initial-rtt-timeout', '300ms', '--max-rtt-timeout', '500ms']
  const words = ['nmap', '-n', '-Pn', '-sS', '-sU', ...source, '-p', ports, ...patience, '-oX', '-', target.address]
  const { result, status, output } = await attacker.run(words)
  if (status !== 0) throw new Error(`nmap: exit status ${status}\n${output}`)
  const found = [...result.matchAll(/<port protocol="(tcp|udp)" portid="(\d+)"><state state="open"/g)]
  const open = found.map(([, protocol, port]) => `${protocol}/${port}`)
  return services.filter(service => open.includes(service))
}

function portsOf(protocol: string): string {
  return services
    .filter(each => each.startsWith(`${protocol}/`))
    .map(each => each.slice(4))
    .join()
}

function told(open: readonly string[]): string {
  return open.length === 0 ? 'none' : open.join(', ')
}
