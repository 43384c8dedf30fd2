// Runs chapters one after the other and makes one value of what they said.

import { type Chapter, type ChapterResult, runChapter } from './chapter.ts'
import { everythingInClear } from './chapters/a-clear.ts'
import { exemptByDefault } from './chapters/b-exempt.ts'
import { kerberosSecured } from './chapters/c-secured.ts'
import { onlyIpsecPasses } from './chapters/d-firewall.ts'
import { fromTheFirstMoment } from './chapters/e-boot.ts'
import { sourcePortBypass } from './chapters/i-source-port.ts'
import { smallPackets } from './chapters/j-fragments.ts'
import type { Scene } from './scene.ts'

export const chapters: readonly Chapter[] = [
  everythingInClear,
  exemptByDefault,
  kerberosSecured,
  onlyIpsecPasses,
  fromTheFirstMoment,
  sourcePortBypass,
  smallPackets,
]

export async function tellChapters(scene: Scene, told: readonly Chapter[]): Promise<readonly ChapterResult[]> {
  const results: ChapterResult[] = []
  for (const chapter of told) {
    scene.say(`${chapter.letter}. ${chapter.title}`)
    const result = await runChapter(chapter, scene)
    scene.say(
      `${chapter.letter}. ${result.ok ? 'as it should be' : 'NOT as it should be'}, ${result.seconds.toFixed(1)} s`,
    )
    results.push(result)
  }
  return results
}
