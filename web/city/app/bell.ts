/** A sound of two tones, made by the browser: no file to load, and nothing that the policy would have to allow. */

export interface Bell {
  readonly ring: () => void;
  readonly close: () => void;
}

/** From a press of a button alone: browsers let no page make sounds that nobody asked for. */
export function openBell(): Bell {
  const audio = new AudioContext();
  return {
    ring: () => {
      for (const [at, hertz] of [880, 660].entries()) {
        const [tone, loudness] = [audio.createOscillator(), audio.createGain()];
        loudness.gain.value = 0.2;
        tone.frequency.value = hertz;
        tone.connect(loudness).connect(audio.destination);
        tone.start(audio.currentTime + at * 0.3);
        tone.stop(audio.currentTime + at * 0.3 + 0.25);
      }
    },
    close: () => {
      void audio.close();
    },
  };
}
