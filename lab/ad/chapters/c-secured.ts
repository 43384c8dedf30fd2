// Chapter c: the step of KB 254728 to the letter, on agents that run: back up the registry, then set the value.

import { type HostAgent, settingKey } from '../agent.ts'
import type { Chapter } from '../chapter.ts'
import { checkKerberosReadable, checkLargeTickets, checkSealed } from '../checks.ts'
import type { StepResult } from '../exercise.ts'
import { kerberosSteps, type Scene } from '../scene.ts'

export const kerberosSecured: Chapter = {
  letter: 'c',
  title: 'NoDefaultExempt is set to 1, and Kerberos is sealed',
  kb: 'KB 254728',
  story: [
    'The article says: back up the registry, then add the value NoDefaultExempt with the data 1 at HKEY_LOCAL_MACHINE\\SYSTEM\\' +
      'CurrentControlSet\\Services\\IPSEC on every domain controller. Here that is done by “sealwire reg”, in the words of ' +
      'Windows’s own reg.exe, one controller after the other, while Kerberos is spoken between them.',
    'From then on Kerberos and RSVP are sealed like everything else. What is hardest for it: tickets over UDP and TCP, and ' +
      'tickets of a member of 200 groups, which are larger than a packet. Then the backup is put back, and the value is gone.',
  ],
  isForIpv6: true,
  run: async scene => {
    await scene.secure({ profile: 'windows-2000-sp1' })
    const before = await scene.record('before')
    await scene.exercise('before the change', ['as-udp', 'tgs-udp'])
    checkKerberosReadable(scene, await before.stop())

    await backUp(scene)
    const changing = await scene.record('change')
    const [results] = await Promise.all([scene.exercise('while it is set', kerberosSteps), setOneByOne(scene)])
    await checkAnswered(scene, results)
    // What is Kerberos may be in clear until the second one has it; by the exemptions of before, nothing else may.
    const changed = await changing.stop('first-without-registry')
    scene.checkEqual('while it is set: packets that leaked', changed.verdicts.leaked, 0)
    scene.checkEqual('while it is set: unicast in clear that is neither Kerberos nor RSVP', changed.classes.unicast, 0)
    for (const agent of scene.agents) await checkIsSet(scene, agent)

    const recording = await scene.record('secured')
    const secured = await scene.exercise('with NoDefaultExempt 1')
    await scene.noteMemory('after the exercise')
    const judged = await recording.stop()
    scene.checkAllWell('with NoDefaultExempt 1', secured)
    checkLargeTickets(scene, secured)
    checkSealed(scene, judged)
    for (const agent of scene.agents) await putBack(scene, agent)
  },
}

async function backUp(scene: Scene): Promise<void> {
  for (const agent of scene.agents) {
    const absent = await agent.sealwire('reg', 'query', settingKey, '/v', 'NoDefaultExempt')
    scene.check(`${agent.name}: reg query does not find the value`, absent.status === 1, `exit status ${absent.status}`)
    await agent.mustSealwire('reg', 'backup')
    const list = await agent.mustSealwire('reg', 'backup', '--list', '--json')
    scene.check(
      `${agent.name}: the registry is backed up`,
      backupsIn(list).length > 0,
      `${backupsIn(list).length} backup kept`,
    )
  }
}

function backupsIn(json: string): readonly { readonly number: number }[] {
  return JSON.parse(json) as readonly { readonly number: number }[]
}

/** One after the other, as docs/registry.md advises; while the exercise runs. */
async function setOneByOne(scene: Scene): Promise<void> {
  for (const agent of scene.agents) await agent.setNoDefaultExempt(1)
}

/**
 * Between the two changes one of them drops what the other still sends in clear. Who asks in that moment may have to ask again;
 * nothing may stay unanswered when both have it.
 */
async function checkAnswered(scene: Scene, results: readonly StepResult[]): Promise<void> {
  const waited = [...new Set(results.filter(({ ok }) => !ok).map(({ step }) => step))]
  const again = waited.length === 0 ? [] : await scene.exercise('asked again when it is set', waited)
  const isWell = results.length > 0 && again.every(({ ok }) => ok)
  const seen = `${results.filter(({ ok }) => ok).length} of ${results.length} at once${waited.length === 0 ? '' : `, ${waited.join(', ')} when asked again`}`
  scene.check('while it is set: every step is answered, if need be when asked again', isWell, seen)
}

async function checkIsSet(scene: Scene, agent: HostAgent): Promise<void> {
  const { setting } = await agent.status()
  const names = setting.exempt.map(({ name }) => name)
  const isSet = setting.value === 1 && setting.from === 'registry'
  scene.check(
    `${agent.name}: the running agent has 1, from the registry`,
    isSet,
    `${setting.value}, from the ${setting.from}`,
  )
  const isNarrow = !names.includes('kerberos') && !names.includes('rsvp')
  scene.check(`${agent.name}: neither Kerberos nor RSVP is exempt any more`, isNarrow, names.join(', '))
  const file = '/etc/sealwire/ipsec.reg'
  await agent.mustSealwire('reg', 'export', settingKey, file, '/y')
  const { result } = await agent.run(['iconv', '-f', 'UTF-16', '-t', 'UTF-8', file])
  const line = /^"NoDefaultExempt"=.*$/m.exec(result)?.[0].trim() ?? 'no such line'
  scene.check(`${agent.name}: reg export writes it as regedit does`, line === '"NoDefaultExempt"=dword:00000001', line)
}

async function putBack(scene: Scene, agent: HostAgent): Promise<void> {
  const oldest = backupsIn(await agent.mustSealwire('reg', 'backup', '--list', '--json')).map(({ number }) => number)
  await agent.mustSealwire('reg', 'restore', String(Math.min(...oldest)))
  const { setting } = await agent.status()
  const isBack = setting.value === 0 && setting.from === 'default'
  scene.check(
    `${agent.name}: the backup put back, the value is absent again`,
    isBack,
    `${setting.value}, from the ${setting.from}`,
  )
}
