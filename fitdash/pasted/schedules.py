"""Recognizes a learning rate schedule by the source text of its function, which is never called."""

import re
from typing import Any

NUMBER = r"([-+]?\d+\.?\d*(?:e[-+]?\d+)?)L?"
WORDING = {
    "step": ["{initial}*{factor}**(epoch//{every})", "{initial}*{factor}^(epoch%/%{every})"],
    "exponential": ["{initial}*{factor}**(epoch/{every})", "{initial}*{factor}^(epoch/{every})"],
    "warmup": ["{initial}*min(1.0,(epoch+1)/{every})", "{initial}*min(1,(epoch+1)/{every})"],
    "linear": [
        "left=1-min(1.0,epoch/{last})return{initial}*({factor}+{rest}*left)",
        "{initial}*({factor}+{rest}*(1-min(1,epoch/{last})))",
    ],
    "cosine": [
        "left=(1+math.cos(math.pi*min(1.0,epoch/{last})))/2return{initial}*({factor}+{rest}*left)",
        "{initial}*({factor}+{rest}*(1+cos(pi*min(1,epoch/{last})))/2)",
    ],
}


def match_schedule(text: str) -> dict[str, Any] | None:
    """The settings of the scheduler whose exported function has this text; None for any other function."""
    short = re.sub(r"\s+", "", text[:500])
    short = re.sub(r"^function\(epoch,lr\)", "", short).removeprefix("return")
    for schedule, wordings in WORDING.items():
        for wording in wordings:
            if (found := re.fullmatch(_pattern(wording), short)) is not None:
                return {"schedule": schedule} | _numbers(wording, found.groups())
    return None


def _pattern(wording: str) -> str:
    return re.sub(r"\\\{\w+\\\}", lambda _: NUMBER, re.escape(wording))


def _numbers(wording: str, numbers: tuple[str, ...]) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", wording)
    found = dict(zip(names, numbers, strict=True))
    kept: dict[str, Any] = {"factor": float(found["factor"])} if "factor" in found else {}
    return kept | ({"every": int(float(found["every"]))} if "every" in found else {})
