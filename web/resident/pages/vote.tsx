/** The vote that is going on: each state of the machine has its page. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { OVER, type Way } from "../vote/machine.ts";
import type { Progress } from "../vote/progress.ts";
import { type Session, slugOfError } from "../vote/session.ts";
import { CardPage, type CardPageProps } from "./card.tsx";
import { Casting, Finished, RefusedPage } from "./casting.tsx";
import { FacePage, type FacePageProps } from "./face.tsx";
import { type ElectionNotice, Landing } from "./landing.tsx";
import { QuestionPage } from "./question.tsx";
import { ReceiptPage } from "./receipt.tsx";
import { Opened, Review } from "./review.tsx";
import { PhonePage, type PhonePageProps } from "./phone.tsx";
import { OtherWays } from "./trouble.tsx";

export interface VoteProps {
  readonly session: Session;
  readonly notice: ElectionNotice;
  readonly ways: readonly Way[];
  readonly checkPage: string;
  readonly phone: Pick<PhonePageProps, "returned" | "leave" | "release">;
  readonly card: Pick<CardPageProps, "look" | "release">;
  readonly face: Omit<FacePageProps, "identified" | "others">;
  readonly follow: (tracker: string, signal: AbortSignal, tell: (progress: Progress) => void) => void;
  /** The browser's Back. */
  readonly back: () => void;
  /** Whatever is waited for is tried now. */
  readonly hurry: () => void;
  readonly print: () => void;
  /** The browser's. */
  readonly reload: () => void;
}

export function Vote(props: VoteProps): VNode {
  const { session, notice, ways, checkPage, back } = props;
  const [state, setState] = useState(session.state);
  useEffect(() => {
    const follow = () => {
      setState(session.state);
    };
    // A ballot that is posted again after a reload may have its receipt before this page listens.
    follow();
    return session.subscribe(follow);
  }, [session]);
  const { send, election } = session;
  const { questions } = election;
  // The code of a letter's QR code is for one identification: who comes next at a shared computer doesn't find it.
  const [votingCode, setVotingCode] = useState(props.face.votingCode);
  // So is what came back from the app: auth takes it once.
  const [returned, setReturned] = useState(props.phone.returned);
  const choose = (way: Way) => {
    setReturned(null);
    send({ type: "way-chosen", way });
  };
  const identified = (credential: string) => {
    setVotingCode(null);
    setReturned(null);
    send({ type: "identified", credential });
  };
  /** Where the election turns out to be over, no other way in is any use. */
  const unlessOver =
    <Asked extends unknown[], Given>(ask: (...asked: Asked) => Promise<Given>) =>
    async (...asked: Asked): Promise<Given> => {
      try {
        return await ask(...asked);
      } catch (error) {
        const slug = slugOfError(error);
        if (OVER.has(slug)) {
          send({ type: "refused", slug });
        }
        throw error;
      }
    };
  switch (state.at) {
    case "closed":
      return (
        <Landing
          notice={{ ...notice, stage: state.slug === "election-abandoned" ? "abandoned" : "closed" }}
          ways={[]}
          codeRead="no-code"
          choose={() => {}}
        />
      );
    case "landing":
      return (
        <Landing notice={notice} ways={ways} codeRead={votingCode === null ? "no-code" : "code-read"} choose={choose} />
      );
    case "identifying": {
      const others = <OtherWays ways={ways} but={state.way} choose={choose} />;
      switch (state.way) {
        case "phone":
          return (
            <PhonePage
              returned={returned}
              leave={unlessOver(props.phone.leave)}
              release={unlessOver(props.phone.release)}
              identified={identified}
              others={others}
            />
          );
        case "card":
          return (
            <CardPage look={props.card.look} release={unlessOver(props.card.release)} identified={identified} others={others} />
          );
        case "face":
          return (
            <FacePage
              votingCode={votingCode}
              order={unlessOver(props.face.order)}
              openCamera={props.face.openCamera}
              begin={unlessOver(props.face.begin)}
              release={unlessOver(props.face.release)}
              identified={identified}
              others={others}
            />
          );
      }
    }
    case "question":
      return (
        <QuestionPage
          key={state.index}
          question={questions[state.index]!}
          official={election.description}
          index={state.index}
          count={questions.length}
          choice={state.answers.choices[state.index]!}
          unanswered={state.unanswered}
          onMark={(choice) => {
            send({ type: "marked", choice });
          }}
          onContinue={() => {
            send({ type: "continued" });
          }}
          onBack={state.index === 0 ? null : back}
        />
      );
    case "review":
      return (
        <Review
          questions={questions}
          state={state}
          change={(index) => {
            send({ type: "went-to", place: `question-${index + 1}` });
          }}
          cast={() => {
            send({ type: "cast" });
          }}
          check={() => {
            send({ type: "opened" });
          }}
        />
      );
    case "opened":
      return (
        <Opened
          questions={questions}
          state={state}
          checkPage={checkPage}
          throwAway={() => {
            send({ type: "thrown-away" });
          }}
        />
      );
    case "casting":
      return <Casting delay={state.delay} tracker={state.start.tracker} hurry={props.hurry} />;
    case "receipt":
      return (
        <ReceiptPage
          electionName={election.name}
          receipt={state.receipt}
          checkPage={checkPage}
          follow={(signal, tell) => {
            props.follow(state.receipt.tracker, signal, tell);
          }}
          print={props.print}
          finish={() => {
            send({ type: "finished" });
          }}
        />
      );
    case "refused":
      return (
        <RefusedPage
          slug={state.slug}
          tracker={state.tracker}
          checkPage={checkPage}
          again={() => {
            send({ type: "begun-again" });
          }}
          reload={props.reload}
        />
      );
    case "finished":
      return (
        <Finished
          restart={() => {
            send({ type: "begun-again" });
          }}
        />
      );
  }
}
