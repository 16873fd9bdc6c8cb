#!/usr/bin/env python3
"""Fits the default model of the Continue Watching row, and judges it on viewers that the fit never saw.

    python3 -m venv venv && venv/bin/pip install -r docs/moment/requirements.txt
    venv/bin/python docs/moment/fit.py            # about two minutes; the same seeds give the same files

Writes src/poco/moment/default.model, docs/moment/report.json and docs/moment/*.png. Its features are those of
src/poco/moment/model.rs, bin for bin; tests/moment.rs compares the two on docs/moment/odds.json, which is written here.
"""
import itertools
import json
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent.parent / "src/poco/moment/default.model"
FEATURES = [("age", 12), ("film", 9), ("series", 9), ("left", 6), ("week", 5), ("month", 6), ("hour", 6), ("device", 6), ("kind", 5)]
OFFSETS = np.cumsum([0] + [bins for _, bins in FEATURES])
# The numbers of a record. How much more or less than others what is begun of a kind is gone on with is an assumption, like every
# number of the generator: documentaries are put aside more often, and a special is for one evening.
FILM, SERIES, DOCUMENTARY, SPECIAL = 1, 2, 3, 4
KINDS = ["unknown", "film", "series", "documentary", "special"]
PULL = np.array([0.0, 0.0, 0.2, -0.4, -0.6])
HOUR_COLUMN = 6
NAMED = 16  # titles that an order names
DEVICES = ["tv", "phone", "web"]
USED = [column for column, _ in enumerate(FEATURES)]
PLACES = [(0.5, 0), (0.35, 1), (0.22, 3), (0.1, 6)]
HOUR, DAY = 3600, 86_400
START = 1_780_000_000 // DAY * DAY
DAYS, WARM_DAYS = 110, 30
TITLES = 400


class Population:
    """How the viewers of one population differ from those of another; what a generator has and a model never sees."""

    def __init__(self, seed, viewers, device_habit=1.6, memory_days=5.0, novelty=0.4, drift=0.0):
        self.random = np.random.default_rng(seed)
        self.viewers, self.device_habit, self.memory_days = viewers, device_habit, memory_days
        self.novelty, self.drift = novelty, drift
        catalogue = np.random.default_rng(7)  # one catalogue for all
        self.is_series = catalogue.random(TITLES) < 0.45
        self.episodes = np.where(self.is_series, catalogue.integers(4, 40, TITLES), 1)
        self.minutes = np.where(self.is_series, catalogue.integers(20, 60, TITLES), catalogue.integers(75, 160, TITLES))
        self.fame = catalogue.pareto(1.2, TITLES) + 0.2
        # A documentary may have episodes too.
        drawn, of_one = catalogue.random(TITLES), catalogue.choice([FILM, DOCUMENTARY, SPECIAL], TITLES, p=[0.75, 0.15, 0.1])
        self.kind = np.where(self.is_series, np.where(drawn < 0.12, DOCUMENTARY, SERIES), of_one)

    def sessions(self):
        """Every session after the warm days, with the row as the night's record has it, and what was resumed."""
        popularity = np.zeros(TITLES)
        out = []
        for viewer in range(self.viewers):
            out.extend(self.viewer(viewer, popularity))
        for session in out:
            session["popularity"] = popularity[session["titles"]]
        return out

    def viewer(self, number, popularity):
        random = self.random
        rate = random.gamma(2.0, 0.6) + 0.1  # sessions a day
        patience = random.normal(0.0, 0.5)
        evening = random.normal(20.0, 1.5)
        devices = random.dirichlet([2.0, 1.0, 0.6])
        quiet_until = 0
        plays = {}  # title -> what is known of it, and the taste that nobody sees
        for day in range(DAYS):
            night = {title: snapshot(play, START + day * DAY, self.kind[title]) for title, play in plays.items()}
            if random.random() < 0.02:  # a holiday
                quiet_until = day + int(random.integers(3, 14))
            weekend = 1.4 if day % 7 in (5, 6) else 1.0
            count = 0 if day < quiet_until else random.poisson(rate * weekend)
            hours = [(random.normal(evening, 1.8) if random.random() < 0.75 else random.uniform(7, 23)) % 24 for _ in range(count)]
            for hour in sorted(hours):  # what a session finds is what those before it left
                now = int(START + day * DAY + hour * HOUR)
                is_commute = hour < 9 or 16 < hour < 18
                shares = devices * (np.array([0.2, 4.0, 1.0]) if is_commute else np.array([2.5, 0.6, 0.8]))
                device = int(random.choice(3, p=shares / shares.sum()))
                chosen = self.choose(plays, now, device, hour, patience)
                if day >= WARM_DAYS and night:
                    titles = sorted(night, key=lambda title: -night[title]["last_play"])[:75]
                    chosen_at = titles.index(chosen) if chosen in night and chosen in titles else -1
                    said = device if random.random() < 0.9 else None  # some clients do not say what they are
                    out = {"viewer": number, "now": now, "device": said, "titles": titles, "resumed": chosen_at}
                    # The hour as it looks when the record's clock is an hour, or six, from the one of now.
                    away = [[bins(night[title], now + away * HOUR, said)[HOUR_COLUMN] for title in titles] for away in (1, 6)]
                    out["bins"] = np.array([bins(night[title], now, said) for title in titles])
                    out["hours_away"] = dict(zip((1, 6), map(np.array, away)))
                    out["age"] = np.array([now - night[title]["last_play"] for title in titles])
                    out["first"] = night[titles[0]]
                    yield out
                if chosen is None:
                    chosen = int(random.choice(TITLES, p=self.fame / self.fame.sum()))
                self.play(plays, chosen, now, device, int(hour))
                popularity[chosen] += 1

    def choose(self, plays, now, device, hour, patience):
        """What of the begun is resumed; none: something new, or nothing of the row."""
        random, best, best_title = self.random, self.novelty + random_gumbel(self.random), None
        for title, play in plays.items():
            days = (now - play["last_play"]) / DAY
            is_done = play["left"] == 0 and play["fraction"] > 0.93
            habit = play["devices"][device] / max(1, sum(play["devices"])) - 0.4
            away = min(abs(hour - play["last_hour"]), 24 - abs(hour - play["last_hour"]))
            utility = play["taste"] + PULL[self.kind[title]] + patience - days / self.memory_days - self.drift
            utility += self.device_habit * habit - 0.12 * min(away, 6)
            utility += 1.0 if play["left"] and play["fraction"] > 0.9 else 0.0  # the next episode
            utility += 0.8 if play["left"] == 0 and 0.25 < play["fraction"] < 0.9 else 0.0
            utility -= 4.5 if is_done else 0.0
            utility -= 1.0 if play["left"] == 0 and play["fraction"] < 0.1 else 0.0  # given up at once
            utility += random_gumbel(random)
            if utility > best:
                best, best_title = utility, title
        return best_title

    def play(self, plays, title, now, device, hour):
        random = self.random
        if title not in plays:
            left = int(self.episodes[title]) - 1
            plays[title] = {"taste": random.normal(-0.6, 1.1), "fraction": 0.0, "left": left, "times": [], "last_play": now,
                            "devices": [0, 0, 0], "hours": [0] * 24, "last_hour": hour}
        play = plays[title]
        assert play["last_play"] <= now, "sessions are played in the order of time"
        watched = random.gamma(2.0, 25.0) * (1.2 if device == 0 else 0.6)
        while watched > 0:
            need = (1.0 - play["fraction"]) * self.minutes[title]
            if need > watched:
                play["fraction"] += watched / self.minutes[title]
                break
            watched -= need
            if play["left"] == 0:
                play["fraction"] = 1.0
                break
            # Credits: an episode that was just ended stays the last one until the next begins.
            play["left"] -= 1
            play["fraction"] = 0.0
            if random.random() < 0.5:
                play["left"] += 1
                play["fraction"] = 0.97
                break
        play["last_play"], play["last_hour"] = now, hour
        play["times"].append(now)
        play["devices"][device] += 1
        play["hours"][hour] += 1


def random_gumbel(random):
    return random.gumbel()


def snapshot(play, night, kind):
    """A play as the record of this night has it."""
    shares = lambda counts: [round(count / max(1, sum(counts)) * 255) for count in counts]
    within = lambda days: min(255, sum(night - time < days * DAY for time in play["times"]))
    return {"fraction_watched": min(200, round(play["fraction"] * 200)), "last_play": play["last_play"],
            "episodes_left": play["left"], "plays_7_days": within(7), "plays_30_days": within(30),
            "devices": shares(play["devices"]) + [0], "hours": shares(play["hours"]), "kind": KINDS[kind]}


def bins(play, now, device):
    bits = lambda number, last: min(int(number).bit_length(), last)
    eighths, has_more = min(play["fraction_watched"] // 25, 8), play["episodes_left"] > 0
    hour = now // HOUR % 24
    near = sum(play["hours"][(hour + away) % 24] for away in (23, 0, 1))
    share = lambda part: min(part * 5 // 256, 4)
    return [bits(max(0, now - play["last_play"]) // HOUR, 11), 0 if has_more else eighths, eighths if has_more else 0,
            bits(play["episodes_left"], 5), bits(play["plays_7_days"], 4), bits(play["plays_30_days"], 5),
            share(near) if any(play["hours"]) else 5,
            share(play["devices"][device]) if device is not None and any(play["devices"]) else 5,
            KINDS.index(play["kind"])]


def one_hot(binned, columns=USED):
    out = np.zeros((len(binned), OFFSETS[max(columns) + 1]), dtype=np.float32)
    for column in columns:
        out[np.arange(len(binned)), OFFSETS[column] + binned[:, column]] = 1
    return out


def logits(weights, bias, session):
    """Weights of what a model does not use are 0."""
    return bias + weights[OFFSETS[:-1] + session["bins"]].sum(axis=1)


def chance_logit(z):
    """The logit of the chance that anything is resumed, 1 - prod(1 - p), before it is calibrated."""
    return np.log(np.expm1(np.minimum(np.logaddexp(0, z).sum(), 80)))


def fit(sessions, columns=USED):
    rows = np.concatenate([session["bins"] for session in sessions])
    labels = np.concatenate([np.arange(len(s["titles"])) == s["resumed"] for s in sessions]).astype(int)
    model = LogisticRegression(C=1.0, max_iter=500).fit(one_hot(rows, columns), labels)
    weights, seen = model.coef_[0].copy(), one_hot(rows, columns).sum(axis=0)
    for index in columns:
        own = slice(OFFSETS[index], OFFSETS[index + 1])
        # A bin that nobody was in, such as an hour that is not known, is like the average of its feature.
        weights[own] = np.where(seen[own] > 0, weights[own], np.average(weights[own], weights=seen[own]))
    weights = np.append(weights, np.zeros(OFFSETS[-1] - len(weights)))
    return np.round(weights, 3), round(float(model.intercept_[0]), 3)


def ranks(scores, resumed):
    """The place of what was resumed, from 1. Of equal scores the one that the record has first comes first."""
    return int(np.where(np.argsort(-scores, kind="stable") == resumed)[0][0]) + 1


def judge(sessions, weights, bias, slope, offset, random):
    """All figures with 95 % intervals: a bootstrap over viewers, since the sessions of one are alike."""
    rows = []
    for session in sessions:
        z = logits(weights, bias, session)
        any_logit = chance_logit(z)
        resumed = session["resumed"]
        row = [session["viewer"], float(resumed >= 0), 1 / (1 + np.exp(-(slope * any_logit + offset))),
               -float(session["age"].min()), float(session["popularity"].max())]
        if resumed >= 0:
            row += [ranks(score, resumed) for score in (z, -session["age"].astype(float), session["popularity"])]
        else:
            row += [np.nan] * 3
        rows.append(row)
    rows = np.array(rows)
    viewers = np.unique(rows[:, 0])
    of_viewer = [np.where(rows[:, 0] == viewer)[0] for viewer in viewers]

    def figures(rows):
        out, is_resumed = {}, rows[:, 1] == 1
        for name, column, score in (("model", 5, 2), ("recency", 6, 3), ("popularity", 7, 4)):
            rank = rows[is_resumed, column]
            out[name] = [np.mean(rank == 1), np.mean(rank <= 3), np.mean(1 / rank), roc_auc_score(rows[:, 1], rows[:, score])]
        out["brier"] = [brier_score_loss(rows[:, 1], rows[:, 2]), np.mean(rows[:, 2]) - np.mean(rows[:, 1])]
        return out

    whole = figures(rows)
    draws = []
    for _ in range(300):
        chosen = random.integers(0, len(viewers), len(viewers))
        draws.append(figures(rows[np.concatenate([of_viewer[place] for place in chosen])]))
    resumes = rows[:, 1] == 1
    report = {"viewers": len(viewers), "sessions": len(rows), "resumes": int(resumes.sum()), "resumed": round(float(resumes.mean()), 3),
              "resumed_behind_the_named": round(float(np.mean(rows[resumes, 5] > NAMED)), 4)}
    interval = lambda values: [round(float(value), 3) for value in np.percentile(values, [2.5, 97.5])]
    for index, name in enumerate(["precision_at_1", "recall_at_3", "mean_reciprocal_rank", "roc_area_of_placement"]):
        report[name] = {}
        for who in ("model", "recency", "popularity"):
            report[name][who] = {"value": round(float(whole[who][index]), 3),
                                 "interval": interval([draw[who][index] for draw in draws])}
            if who != "model":
                margins = [draw["model"][index] - draw[who][index] for draw in draws]
                margin = float(whole["model"][index] - whole[who][index])
                report[name][who]["margin"] = {"value": round(margin, 3), "interval": interval(margins)}
    report["brier"] = {"value": round(float(whole["brier"][0]), 4), "interval": interval([d["brier"][0] for d in draws])}
    report["mean_chance_minus_share"] = {"value": round(float(whole["brier"][1]), 4),
                                         "interval": interval([draw["brier"][1] for draw in draws])}
    edges = np.quantile(rows[:, 2], np.linspace(0, 1, 11))
    which = np.clip(np.searchsorted(edges, rows[:, 2], side="right") - 1, 0, 9)
    report["calibration"] = [{"said": round(float(rows[which == b, 2].mean()), 3), "was": round(float(rows[which == b, 1].mean()), 3)}
                             for b in range(10) if np.any(which == b)]
    return report, rows


def over_time(sessions, rows, path):
    day = np.array([(session["now"] - START) // DAY for session in sessions])
    figure, axes = plt.subplots(figsize=(7, 3.5))
    for name, column in (("model", 5), ("recency", 6), ("popularity", 7)):
        weeks = range(WARM_DAYS, DAYS, 8)
        values = [np.mean(rows[(day >= w) & (day < w + 8) & (rows[:, 1] == 1), column] == 1) for w in weeks]
        axes.plot(list(weeks), values, marker="o", label=name)
    axes.set(xlabel="day of the simulation", ylabel="precision@1", ylim=(0, 1), title="Held-out viewers: the first title is the one that is resumed")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})


def curves(report, rows, path):
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.plot([0, 1], [0, 1], color="grey", linewidth=1)
    left.plot([b["said"] for b in report["calibration"]], [b["was"] for b in report["calibration"]], marker="o")
    left.set(xlabel="chance that the model says", ylabel="share of sessions with a resume", title="Calibration, tenths")
    for name, column in (("model", 2), ("recency", 3), ("popularity", 4)):
        wrong, right_share, _ = roc_curve(rows[:, 1], rows[:, column])
        right.plot(wrong, right_share, label=f"{name} {roc_auc_score(rows[:, 1], rows[:, column]):.3f}")
    right.set(xlabel="false positives", ylabel="true positives", title="ROC: is anything resumed?")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": None})


def write_model(weights, bias, slope, offset):
    lines = ["badger continue-watching model 1", "# Weights in logits, written by docs/moment/fit.py; docs/moment.md says what they mean.",
             f"bias {bias:g}"]
    for index, (name, _) in enumerate(FEATURES):
        own = weights[OFFSETS[index]:OFFSETS[index + 1]]
        lines.append(f"{name} " + " ".join(f"{weight:g}" for weight in own))
    lines.append(f"calibration {slope:g} {offset:g}")
    lines += [f"place {chance:g} {position}" for chance, position in PLACES]
    MODEL.write_text("\n".join(lines) + "\n")


def at_the_edges(plays):
    """(now, device, play) at both ends of each bin of each feature: plays of people, given in turn, of which each is changed in
    what one feature looks at. Some of it no one of this generator does, such as a play whose hours are not known."""
    numbers = lambda bins: sorted({end for bit in range(bins - 1) for end in ((1 << bit) - 1, 1 << bit)})
    eighths = [watched for eighth in range(9) for watched in (eighth * 25 - 1, eighth * 25) if watched >= 0]
    shares = [0, 51, 52, 102, 103, 153, 154, 204, 205, 255]
    count = dict(FEATURES)
    for hours, seconds in itertools.product(numbers(count["age"]), (0, HOUR - 1)):
        now, device, play = next(plays)
        yield now, device, {**play, "last_play": now - hours * HOUR - seconds}
    for at in (0, HOUR):  # not known, and by a clock that is behind
        now, device, play = next(plays)
        yield now, device, {**play, "last_play": at and now + at}
    for left, watched in itertools.product((0, 3), eighths):
        now, device, play = next(plays)
        yield now, device, {**play, "episodes_left": left, "fraction_watched": watched}
    for name, field, most in (("left", "episodes_left", 65_535), ("week", "plays_7_days", 255), ("month", "plays_30_days", 255)):
        for number in [*numbers(count[name]), most]:
            now, device, play = next(plays)
            yield now, device, {**play, field: number}
    # An hour of the day, the hour of the play less that one, its share; the other plays were half a day away.
    near = [(None, 0, share) for share in shares] + [(hour, away, 255) for hour in (0, 23) for away in (-1, 0, 1)]
    for wanted, away, share in near:
        now, device, play = next(plays)
        hour = now // HOUR % 24 if wanted is None else wanted
        hours = [0] * 24
        hours[(hour + away) % 24], hours[(hour + 12) % 24] = share, 255 - share
        yield now // DAY * DAY + hour * HOUR + now % HOUR, device, {**play, "hours": hours}
    for hours in ([0] * 24, [86] * 24):  # not known, and rounded up to more than all
        now, device, play = next(plays)
        yield now, device, {**play, "hours": hours}
    for (device, _), share in itertools.product(enumerate(DEVICES), shares):
        now, _, play = next(plays)
        devices = [0, 0, 0, 255 - share]
        devices[device] = share
        yield now, device, {**play, "devices": devices}
    for device, devices in ((None, [255, 0, 0, 0]), (0, [0] * 4), (None, [0] * 4)):
        now, _, play = next(plays)
        yield now, device, {**play, "devices": devices}
    for kind in KINDS:
        now, device, play = next(plays)
        yield now, device, {**play, "kind": kind}


def write_odds(sessions, weights, bias):
    """Some plays with the bins and the odds that they have here, for the program's own arithmetic to be compared with: forty
    as people have them, and the edges of all bins."""
    odds = lambda now, device, play: logits(weights, bias, {"bins": np.array([bins(play, now, device)])})[0]
    drawn = [(session["now"], session["device"], session["first"]) for session in sessions[::max(1, len(sessions) // 40)][:40]]
    # The chance that the program says of a title that nobody wants has no digits left to be compared.
    wanted = itertools.cycle([moment for moment in drawn if odds(*moment) > -3])
    cases = [{"now": now, "device": None if device is None else DEVICES[device], "play": play, "bins": bins(play, now, device),
              "logit": round(float(odds(now, device, play)), 4)} for now, device, play in [*drawn, *at_the_edges(wanted)]]
    for column, (name, count) in enumerate(FEATURES):
        lacking = set(range(count)) - {case["bins"][column] for case in cases}
        assert not lacking, f"odds.json has no play in the bins {lacking} of {name}, so nothing would compare them"
    (HERE / "odds.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


def ablations(training, sessions, weights, bias, random):
    """What a feature is worth: precision@1, reciprocal rank and area under ROC of a model fitted with it or without, less
    those of the model as it is; and what a clock costs that is not that of the record, also less what it costs to know no hour.
    Intervals as in judge(), by the same draws for all: the training's viewers are not drawn anew."""
    names = [name for name, _ in FEATURES]
    others = {f"without {name}": [column for column in USED if names[column] != name] for name in ("kind", "hour", "device")}
    fitted = {name: (fit(training, columns), None) for name, columns in others.items()}
    fitted.update({f"{away} h away": ((weights, bias), away) for away in (1, 6)})
    viewer = np.array([session["viewer"] for session in sessions])
    of_viewer = [np.where(viewer == number)[0] for number in np.unique(viewer)]
    is_resumed = np.array([session["resumed"] >= 0 for session in sessions])
    draws = [np.concatenate([of_viewer[place] for place in random.integers(0, len(of_viewer), len(of_viewer))]) for _ in range(300)]

    def scores(weights, bias, away):
        chance, rank = [], []
        for session in sessions:
            if away is not None:
                binned = session["bins"].copy()
                binned[:, HOUR_COLUMN] = session["hours_away"][away]
                session = {**session, "bins": binned}
            z = logits(weights, bias, session)
            chance.append(chance_logit(z))
            rank.append(ranks(z, session["resumed"]) if session["resumed"] >= 0 else np.nan)
        return np.array(chance), np.array(rank)

    def figures(chance, rank, chosen):
        begun = rank[chosen][is_resumed[chosen]]
        return np.array([np.mean(begun == 1), np.mean(1 / begun), roc_auc_score(is_resumed[chosen], chance[chosen])])

    own, everyone = "as it is", np.arange(len(sessions))
    scored = {name: scores(*model, away) for name, (model, away) in {own: ((weights, bias), None), **fitted}.items()}
    drawn = {name: np.array([figures(*score, chosen) for chosen in draws]) for name, score in scored.items()}
    report = {}
    for name, than in [*((name, own) for name in fitted), ("6 h away", "without hour")]:
        margin = figures(*scored[name], everyone) - figures(*scored[than], everyone)
        low, high = np.percentile(drawn[name] - drawn[than], [2.5, 97.5], axis=0)
        report[name if than == own else f"{name}, not {than}"] = {
            what: {"margin": round(float(margin[index]), 4), "interval": [round(float(low[index]), 4), round(float(high[index]), 4)]}
            for index, what in enumerate(["precision_at_1", "mean_reciprocal_rank", "roc_area_of_placement"])}
    return report


def main():
    training, calibration = Population(1, 250).sessions(), Population(2, 100).sessions()
    weights, bias = fit(training)
    x = np.array([chance_logit(logits(weights, bias, session)) for session in calibration])[:, None]
    platt = LogisticRegression(C=1e6).fit(x, [int(session["resumed"] >= 0) for session in calibration])
    slope, offset = round(float(platt.coef_[0][0]), 3), round(float(platt.intercept_[0]), 3)
    write_model(weights, bias, slope, offset)
    report, random = {}, np.random.default_rng(11)
    held_out = Population(3, 200)
    sessions = held_out.sessions()
    report["held_out"], rows = judge(sessions, weights, bias, slope, offset, random)
    over_time(sessions, rows, HERE / "precision.png")
    curves(report["held_out"], rows, HERE / "curves.png")
    write_odds(sessions, weights, bias)
    # People with other habits: less bound to a device, of longer memory, readier to begin something new.
    shifted = Population(4, 150, device_habit=0.6, memory_days=9.0, novelty=1.2, drift=0.2)
    report["other_habits"], _ = judge(shifted.sessions(), weights, bias, slope, offset, random)
    report["ablations"] = ablations(training, sessions, weights, bias, random)
    (HERE / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({name: {key: value for key, value in part.items() if key != "calibration"} for name, part in report.items()}, indent=1))


if __name__ == "__main__":
    main()
