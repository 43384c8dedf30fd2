// Chapter g: three controllers of two forests, all of them sealed from each other, and a trust that is made, used and removed
// through the seal.

import { performance } from 'node:perf_hooks'
import { HostAgent } from '../agent.ts'
import type { Chapter } from '../chapter.ts'
import { checkSealed } from '../checks.ts'
import type { StepResult } from '../exercise.ts'
import { other } from '../forest.ts'
import { addHost, removeHost } from '../lab.ts'
import { groupSteps, type Scene } from '../scene.ts'
import {
  acrossForests,
  findNamesOfBoth,
  findNamesOfOwn,
  forgetTrust,
  makeSecondForest,
  makeTrust,
  removeTrust,
  type TwoForests,
} from '../second-forest.ts'
import { acrossSteps } from '../steps-across.ts'
import { filterWire, readWire } from '../wire-filter.ts'

export const trustedForest: Chapter = {
  letter: 'g',
  title: 'A second forest, and a trust through the seal',
  kb: 'KB 254728',
  story: [
    'A company has bought another one. Its forest, other.test, has a controller of its own, dc3, and the two forests are to trust ' +
      'each other, so that people of the one can use what the other has. For that the controllers of both speak with each other ' +
      'all day: tickets that lead from one realm into the other, names and passwords passed on, and the keys of the trust itself.',
    'The policy now has three hosts, each sealed from each, NoDefaultExempt is 1 on all three, and on the wire a filter stops ' +
      'whatever is neither IKE nor IPsec. The trust is made through the seal, used in every way that we know, and removed.',
  ],
  run: async scene => {
    const { directory, lab } = scene
    const host = await addHost(directory, lab.wire, other.controllers[0])
    try {
      const forests = await makeSecondForest(lab, host)
      scene.say('  dc3 is a domain controller of other.test')
      await tell(scene, forests)
    } finally {
      await findNamesOfOwn(lab)
      await forgetTrust(lab)
      await removeHost(directory, host)
    }
  },
}

async function tell(outer: Scene, forests: TwoForests): Promise<void> {
  const { lab } = outer
  const [third] = forests.second.controllers
  if (third === undefined) throw new Error('the second forest has no controller')
  const scene = outer.of({ ...lab, controllers: [...lab.controllers, third] }, outer.directory, [
    ...outer.agents,
    new HostAgent(other, third),
  ])
  await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
  await filterWire(lab.wire, 'ipsec-only')
  const recording = await scene.record('trust')
  await findNamesOfBoth(forests)
  const begin = performance.now()
  await makeTrust(forests)
  scene.check('the trust is made through the seal', true, `${((performance.now() - begin) / 1000).toFixed(1)} s`)
  scene.checkAllWell('across the trust', await exerciseAcross(scene, forests))
  const own = 'within the first forest, meanwhile'
  scene.checkAllWell(
    own,
    await outer.exercise(
      own,
      outer.allSteps.filter(step => !groupSteps.includes(step)),
    ),
  )
  await checkSealedWith(scene, third.name)
  await removeTrust(forests)
  await scene.noteMemory('after the trust')
  const judged = await recording.stop()
  const crossed = await readWire(lab.wire)
  checkSealed(scene, judged)
  scene.check('the filter on the wire saw ESP', crossed.esp > 1000, `${crossed.esp} packets`)
  await checkNothingWithout(scene, forests)
}

/** By the agents' own books: the second forest's controller has spoken sealed with each of the first. */
async function checkSealedWith(scene: Scene, name: string): Promise<void> {
  const agent = scene.agents.find(each => each.name === name)
  if (agent === undefined) throw new Error(`no agent on ${name}`)
  const { associations } = await agent.status()
  for (const { name: peer, address } of scene.agents.filter(each => each !== agent)) {
    const own = associations.filter(each => each.peer === address)
    const packets = own.reduce((sum, { inbound, outbound }) => sum + inbound.packets + outbound.packets, 0)
    scene.check(`${name} has spoken sealed with ${peer}`, packets > 100, `${packets} packets`)
  }
}

/** The control: the filter on the wire stays, sealwire goes, and no step across is answered any more. */
async function checkNothingWithout(scene: Scene, forests: TwoForests): Promise<void> {
  for (const agent of scene.agents) await agent.down()
  const [across] = acrossForests(forests)
  const tried = acrossSteps.filter(({ name }) => ['x-dns', 'x-logon-udp'].includes(name))
  if (across === undefined) throw new Error('nobody to ask')
  const verdicts = []
  for (const step of tried) verdicts.push(await step.run(across, 2))
  const answered = verdicts.filter(({ ok }) => ok).length
  scene.check('with sealwire down no step across is answered', answered === 0, `${answered} of ${verdicts.length}`)
}

async function exerciseAcross(scene: Scene, forests: TwoForests): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  for (const across of acrossForests(forests)) {
    const { own, from, far, to } = across
    const isBetweenFirsts = from === own.controllers[0] && to === far.controllers[0]
    for (const step of acrossSteps) {
      if (step.needsWinbind === true && !isBetweenFirsts) continue
      const begin = performance.now()
      const verdict = await step.run(across, 10)
      const seconds = (performance.now() - begin) / 1000
      results.push({ step: step.name, from: from.name, to: to.name, ...verdict, seconds })
      if (!verdict.ok) scene.say(`  no answer: ${from.name}>${to.name} ${step.name}: ${verdict.said}`)
    }
  }
  scene.exercised('across the trust', results)
  return results
}
