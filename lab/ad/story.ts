// Runs chapters one after the other and makes one value of what they said.

import { type Chapter, type ChapterResult, runChapter } from './chapter.ts'
import { exemptByDefault } from './chapters/b-exempt.ts'
import type { Scene } from './scene.ts'

export const chapters: readonly Chapter[] = [exemptByDefault]

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
